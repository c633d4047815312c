//! Extensions, from the bytes of a certificate or request to facts.
//!
//! What a fact cannot hold in full (a policy qualifier, an excluded subtree, a CRL issuer) is refused: a decision on
//! half an extension would be a decision on another certificate.
use crate::unfit::Unfit;
use pkic_facts::certificate::Extension;
use pkic_facts::der::{self, Element};
use pkic_vocab::fields::EXTENSION_FACT;
use pkic_vocab::words::Words;
use pkic_vocab::{FactId, Path, Value, limits, names};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `id-on-hardwareModuleName` (RFC 4108 section 5).
pub(crate) const HARDWARE_MODULE_NAME: &str = "1.3.6.1.5.5.7.8.4";
/// `id-ad-ocsp` (RFC 5280 section 4.2.2.1).
const OCSP: &str = "1.3.6.1.5.5.7.48.1";
/// `id-ad-caIssuers` (RFC 5280 section 4.2.2.1).
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

/// How names must be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Any spelling; the facts have the normal form. For requests, which are re-encoded.
    Any,
    /// The normal form alone: facts and bytes say the same, octet by octet. For what will be signed.
    Normal,
}

/// A fact and its value.
pub(crate) type Said = (Path, Value);

/// The facts that an extension says.
///
/// # Errors
/// [`Unfit`] where the value does not decode or holds what its facts cannot say.
pub(crate) fn read(extension: &Extension, spelling: Spelling) -> Result<Vec<Said>, Unfit> {
    let reader = Reader { oid: &extension.oid, spelling };
    let value = extension.value.as_slice();
    match extension.oid.as_str() {
        "2.5.29.14" => reader.octets("certificate.subject-key-identifier", value),
        "2.5.29.15" => reader.key_usage(value),
        "2.5.29.17" => reader.subject_alt_name(value),
        "2.5.29.19" => reader.basic_constraints(value),
        "2.5.29.30" => reader.name_constraints(value),
        "2.5.29.31" => reader.crl_distribution_points(value),
        "2.5.29.32" => reader.certificate_policies(value),
        "2.5.29.35" => reader.authority_key_identifier(value),
        "2.5.29.37" => reader.extended_key_usage(value),
        "1.3.6.1.5.5.7.1.1" => reader.authority_information_access(value),
        "1.3.6.1.4.1.11129.2.4.2" => reader.raw("certificate.sct-list", value),
        "1.3.6.1.5.5.7.1.36" => reader.raw("certificate.related-certificate", value),
        "2.23.133.5.4.1" => reader.raw("certificate.tcg-dice-tcb-info", value),
        _ => reader.declared(value),
    }
}

struct Reader<'a> {
    oid: &'a str,
    spelling: Spelling,
}

impl Reader<'_> {
    fn unfit(&self, why: &'static str) -> Unfit {
        Unfit::new(self.oid, why)
    }

    fn say(&self, path: &'static str, value: Value) -> Result<Vec<Said>, Unfit> {
        let fact = FactId::from_path(path).ok_or_else(|| self.unfit("no fact stands for it"))?;
        if !value.has_type(fact.def().ty) {
            return Err(self.unfit("it is over a limit"));
        }
        Ok(vec![(Path::from(fact), value)])
    }

    fn only<'a>(&self, tag: u32, bytes: &'a [u8]) -> Result<&'a [u8], Unfit> {
        der::only("extension", tag, bytes).map_err(|_| self.unfit("it does not decode"))
    }

    fn elements<'a>(&self, bytes: &'a [u8]) -> Result<Vec<Element<'a>>, Unfit> {
        der::elements("extension", bytes, limits::FACT_LIST_LEN_MAX)
            .map_err(|_| self.unfit("it does not decode, or has too many elements"))
    }

    /// The elements of a SEQUENCE that must not be empty.
    fn sequence<'a>(&self, bytes: &'a [u8]) -> Result<Vec<Element<'a>>, Unfit> {
        let elements = self.elements(self.only(der::SEQUENCE, bytes)?)?;
        if elements.is_empty() { Err(self.unfit("it is empty")) } else { Ok(elements) }
    }

    fn raw(&self, path: &'static str, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        self.say(path, Value::Bytes(value.to_vec()))
    }

    fn octets(&self, path: &'static str, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        self.say(path, Value::Bytes(self.only(der::OCTET_STRING, value)?.to_vec()))
    }

    fn declared(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let fact = FactId::from_path(EXTENSION_FACT).ok_or_else(|| self.unfit("no fact stands for it"))?;
        let value = Value::Bytes(value.to_vec());
        if !value.has_type(fact.def().ty) {
            return Err(self.unfit("it is over a limit"));
        }
        Ok(vec![(Path { fact, name: Some(self.oid.to_owned()) }, value)])
    }

    fn key_usage(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let content = self.only(der::BIT_STRING, value)?;
        let (unused, octets) = content.split_first().ok_or_else(|| self.unfit("it does not decode"))?;
        if *unused > 7 || octets.is_empty() || octets.len() > 2 {
            return Err(self.unfit("it has no known bit, or bits beyond decipherOnly"));
        }
        let is_set = |bit: u8| {
            octets
                .get(usize::from(bit / 8))
                .is_some_and(|octet| octet.checked_shl(u32::from(bit % 8)).unwrap_or(0) & 0x80 != 0)
        };
        if (9..16).any(is_set) {
            return Err(self.unfit("it has bits beyond decipherOnly"));
        }
        let words: Vec<Value> =
            Words::KeyUsage.all().filter(|word| is_set(word.index())).map(Value::Word).collect();
        if words.is_empty() {
            return Err(self.unfit("it has no bit set"));
        }
        self.say("certificate.key-usage", Value::List(words))
    }

    fn basic_constraints(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let fields = self.elements(self.only(der::SEQUENCE, value)?)?;
        let (ca, path_length) = match fields.as_slice() {
            [] => (false, None),
            [ca] if ca.tag == 0x01 => (ca.content != [0], None),
            [ca, length] if ca.tag == 0x01 && length.tag == der::INTEGER => (ca.content != [0], Some(length)),
            _ => return Err(self.unfit("it does not decode")),
        };
        let mut said = self.say("certificate.basic-constraints.ca", Value::Bool(ca))?;
        if let Some(length) = path_length {
            let length = der::integer("pathLenConstraint", length.content);
            let length = length.map_err(|_| self.unfit("pathLenConstraint does not decode"))?;
            if !(0..=255).contains(&length) || !ca {
                return Err(self.unfit("pathLenConstraint is out of range, or stands without cA"));
            }
            said.extend(self.say("certificate.basic-constraints.path-length", Value::Int(length))?);
        }
        Ok(said)
    }

    fn oid_value(&self, element: &Element<'_>) -> Result<Value, Unfit> {
        let oid = (element.tag == der::OBJECT_IDENTIFIER).then(|| der::oid_text(element.content)).flatten();
        oid.map(Value::Oid).ok_or_else(|| self.unfit("an object identifier does not decode"))
    }

    fn extended_key_usage(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let purposes = self.sequence(value)?;
        let oids = purposes.iter().map(|purpose| self.oid_value(purpose)).collect::<Result<Vec<_>, _>>()?;
        self.say("certificate.extended-key-usage", Value::List(oids))
    }

    fn certificate_policies(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let read = |policy: &Element<'_>| match self.sequence(policy.raw)?.as_slice() {
            [oid] => self.oid_value(oid),
            _ => Err(self.unfit("a policy has qualifiers")),
        };
        let oids = self.sequence(value)?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        self.say("certificate.certificate-policies", Value::List(oids))
    }

    fn authority_key_identifier(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        match self.sequence(value)?.as_slice() {
            [id] if id.tag == 0x80 => self.raw("certificate.authority-key-identifier", id.content),
            _ => Err(self.unfit("it has more than a key identifier")),
        }
    }

    fn name_constraints(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let parts = self.sequence(value)?;
        let [permitted] = parts.as_slice() else {
            return Err(self.unfit("it excludes subtrees"));
        };
        if permitted.tag != 0xa0 {
            return Err(self.unfit("it excludes subtrees"));
        }
        let read = |subtree: &Element<'_>| match self.sequence(subtree.raw)?.as_slice() {
            [base] if base.tag == 0x82 => self.dns(base.content),
            _ => Err(self.unfit("a subtree is no DNS name, or has bounds")),
        };
        let subtrees = self.elements(permitted.content)?;
        if subtrees.is_empty() {
            return Err(self.unfit("it is empty"));
        }
        let names = subtrees.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        self.say("certificate.name-constraints", Value::List(names))
    }

    fn crl_distribution_points(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let mut uris = Vec::new();
        for point in self.sequence(value)? {
            let parts = self.sequence(point.raw)?;
            let name = match parts.as_slice() {
                [name] if name.tag == 0xa0 => self.only(0xa0, name.content)?,
                _ => return Err(self.unfit("a point has reasons, an issuer or a relative name")),
            };
            for name in self.elements(name)? {
                uris.push(self.uri_of(&name)?);
            }
        }
        self.say("certificate.crl-distribution-points", Value::List(uris))
    }

    fn authority_information_access(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let mut uris = Vec::new();
        for description in self.sequence(value)? {
            match self.sequence(description.raw)?.as_slice() {
                [method, location] => {
                    let method = self.oid_value(method)?;
                    if method != Value::Oid(OCSP.to_owned()) && method != Value::Oid(CA_ISSUERS.to_owned()) {
                        return Err(self.unfit("an access method is neither OCSP nor caIssuers"));
                    }
                    uris.push(self.uri_of(location)?);
                }
                _ => return Err(self.unfit("it does not decode")),
            }
        }
        self.say("certificate.authority-information-access", Value::List(uris))
    }

    fn uri_of(&self, name: &Element<'_>) -> Result<Value, Unfit> {
        if name.tag == 0x86 {
            self.normal(name.content, names::uri, Value::Uri)
        } else {
            Err(self.unfit("a location is no URI"))
        }
    }

    fn dns(&self, content: &[u8]) -> Result<Value, Unfit> {
        self.normal(content, names::dns_name, Value::DnsName)
    }

    fn normal(
        &self,
        content: &[u8],
        normal: fn(&str) -> Option<String>,
        value: fn(String) -> Value,
    ) -> Result<Value, Unfit> {
        let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii());
        let text = text.ok_or_else(|| self.unfit("a name is not in ASCII"))?;
        match normal(text) {
            Some(name) if name == text || self.spelling == Spelling::Any => Ok(value(name)),
            Some(_) => Err(self.unfit("a name is not in its normal form")),
            None => Err(self.unfit("a name is not of the form that its kind prescribes")),
        }
    }

    fn subject_alt_name(&self, value: &[u8]) -> Result<Vec<Said>, Unfit> {
        let mut names: [(&'static str, &str, Vec<Value>); 5] = [
            ("certificate.san.dns", "dns", Vec::new()),
            ("certificate.san.ip", "ip", Vec::new()),
            ("certificate.san.uri", "uri", Vec::new()),
            ("certificate.san.email", "email", Vec::new()),
            ("certificate.san.hardware-module-name", "hardware-module-name", Vec::new()),
        ];
        let mut all = Vec::new();
        for element in self.sequence(value)? {
            let (path, name) = self.alternative_name(&element)?;
            if let Some((_, kind, list)) = names.iter_mut().find(|(known, ..)| *known == path) {
                all.push(Value::Text(format!("{kind}:{}", plain(&name))));
                list.push(name);
            }
        }
        let mut said = self.say("certificate.san", Value::List(all))?;
        for (path, _, list) in names {
            if !list.is_empty() {
                said.extend(self.say(path, Value::List(list))?);
            }
        }
        Ok(said)
    }

    fn alternative_name(&self, name: &Element<'_>) -> Result<(&'static str, Value), Unfit> {
        match name.tag {
            0xa0 => Ok(("certificate.san.hardware-module-name", self.hardware_module_name(name.content)?)),
            0x81 => Ok(("certificate.san.email", self.normal(name.content, names::email, Value::Email)?)),
            0x82 => Ok(("certificate.san.dns", self.dns(name.content)?)),
            0x86 => Ok(("certificate.san.uri", self.uri_of(name)?)),
            0x87 => Ok(("certificate.san.ip", self.ip(name.content)?)),
            _ => Err(self.unfit("a name is of a kind that no fact stands for")),
        }
    }

    fn ip(&self, content: &[u8]) -> Result<Value, Unfit> {
        let v4 = <[u8; 4]>::try_from(content).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
        let v6 = || <[u8; 16]>::try_from(content).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
        let address =
            v4.or_else(|_| v6()).map_err(|_| self.unfit("an IP address has neither 4 nor 16 octets"))?;
        Ok(Value::Ip(address.to_string()))
    }

    /// `type:serial`, the serial in hexadecimal digits.
    fn hardware_module_name(&self, content: &[u8]) -> Result<Value, Unfit> {
        let unfit = || self.unfit("an otherName is no hardware module name");
        let parts = self.elements(content)?;
        let [kind, value] = parts.as_slice() else { return Err(unfit()) };
        if self.oid_value(kind)? != Value::Oid(HARDWARE_MODULE_NAME.to_owned()) || value.tag != 0xa0 {
            return Err(unfit());
        }
        let parts = self.sequence(value.content)?;
        match parts.as_slice() {
            [kind, serial] if serial.tag == der::OCTET_STRING => match self.oid_value(kind)? {
                Value::Oid(kind) => {
                    let serial = Value::Bytes(serial.content.to_vec());
                    Ok(Value::Text(format!("{kind}:{serial}")))
                }
                _ => Err(unfit()),
            },
            _ => Err(unfit()),
        }
    }
}

/// The characters of a name, without the quotes that a report puts around them.
fn plain(name: &Value) -> String {
    match name {
        Value::DnsName(text)
        | Value::Ip(text)
        | Value::Uri(text)
        | Value::Email(text)
        | Value::Text(text) => text.clone(),
        other => other.to_string(),
    }
}
