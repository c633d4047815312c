//! Names, values, grades and citations.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use pest::iterators::Pair;

use super::{Kids, Lower, exact};
use crate::ast::{
    Basis, Cites, Date, Digest, Duration, Element, Grade, Int, List, Name, Oid, Path, Record, RecordField,
    Rel, Span, Str, Unit, Value, ValueKind,
};
use crate::grammar::Rule;
use crate::limits;
use crate::tree::NodeKind;

impl<'t> Lower<'t, '_> {
    pub(super) fn name_of(&mut self, pair: &Pair<'_, Rule>) -> Name<'t> {
        let span = exact(pair);
        Name { text: self.text(span), span }
    }

    pub(super) fn name(&mut self, kids: &mut Kids<'_>) -> Name<'t> {
        match kids.seek(Rule::name) {
            Some(pair) => self.name_of(&pair),
            None => Name { text: "", span: Span::default() },
        }
    }

    pub(super) fn word(&mut self, kids: &mut Kids<'_>) -> Name<'t> {
        match kids.seek(Rule::word) {
            Some(pair) => self.name_of(&pair),
            None => Name { text: "", span: Span::default() },
        }
    }

    pub(super) fn path_of(&mut self, pair: &Pair<'_, Rule>) -> Path<'t> {
        let span = exact(pair);
        let text = self.text(span);
        let mut segments = Vec::with_capacity(text.bytes().filter(|b| *b == b'.').count() + 1);
        let mut start = span.start;
        for segment in text.split('.') {
            let end = start + u32::try_from(segment.len()).unwrap_or(0);
            segments.push(Name { text: segment, span: Span { start, end } });
            start = end + 1;
        }
        Path { text, segments, span }
    }

    pub(super) fn path(&mut self, kids: &mut Kids<'_>) -> Path<'t> {
        match kids.seek(Rule::path) {
            Some(pair) => self.path_of(&pair),
            None => Path { text: "", segments: Vec::new(), span: Span::default() },
        }
    }

    pub(super) fn string_of(&mut self, pair: &Pair<'_, Rule>) -> Str<'t> {
        let span = exact(pair);
        let quoted = self.text(span);
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("");
        let text = if inner.contains('\\') { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) };
        Str { text, span }
    }

    pub(super) fn string(&mut self, kids: &mut Kids<'_>) -> Str<'t> {
        match kids.seek(Rule::string) {
            Some(pair) => self.string_of(&pair),
            None => Str { text: Cow::Borrowed(""), span: Span::default() },
        }
    }

    pub(super) fn int_of(&mut self, pair: &Pair<'_, Rule>) -> Int {
        let span = exact(pair);
        Int { value: self.number(self.text(span), span), span }
    }

    pub(super) fn int(&mut self, kids: &mut Kids<'_>) -> Int {
        match kids.seek(Rule::int) {
            Some(pair) => self.int_of(&pair),
            None => Int { value: 0, span: Span::default() },
        }
    }

    fn number(&mut self, digits: &str, span: Span) -> u64 {
        digits.parse().unwrap_or_else(|_| {
            self.report("E0040", span, format!("`{digits}` does not fit into 64 bits"), None);
            0
        })
    }

    pub(super) fn duration_of(&mut self, pair: &Pair<'_, Rule>) -> Duration {
        let span = exact(pair);
        let text = self.text(span);
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text.get(digits.len()..).unwrap_or("") {
            "min" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "mo" => Unit::Month,
            "y" => Unit::Year,
            _ => Unit::Second,
        };
        Duration { count: self.number(digits, span), unit, span }
    }

    pub(super) fn duration(&mut self, kids: &mut Kids<'_>) -> Duration {
        match kids.seek(Rule::duration) {
            Some(pair) => self.duration_of(&pair),
            None => Duration { count: 0, unit: Unit::Second, span: Span::default() },
        }
    }

    pub(super) fn date_of(&mut self, pair: &Pair<'_, Rule>) -> Date {
        let span = exact(pair);
        let text = self.text(span);
        let unix_s = unix_seconds(text).unwrap_or_else(|| {
            let help = Some("write a day as 2027-03-15, a time as 2027-03-15T23:59:59Z");
            self.report("E0041", span, format!("the calendar has no `{text}`"), help);
            0
        });
        Date { unix_s, has_time: text.contains('T'), span }
    }

    pub(super) fn date(&mut self, kids: &mut Kids<'_>) -> Date {
        match kids.seek(Rule::date) {
            Some(pair) => self.date_of(&pair),
            None => Date { unix_s: 0, has_time: false, span: Span::default() },
        }
    }

    pub(super) fn oid_of(&mut self, pair: &Pair<'_, Rule>) -> Oid<'t> {
        let span = exact(pair);
        let text = self.text(span);
        if !is_oid(text) {
            let help =
                Some("the first arc is 0, 1 or 2, the second below 40 under 0 and 1; no leading zeros");
            self.report("E0043", span, format!("`{text}` is no object identifier"), help);
        }
        Oid { text, span }
    }

    pub(super) fn digest(&mut self, kids: &mut Kids<'_>) -> Digest {
        let string = self.string(kids);
        let sha256 = sha256(&string.text).unwrap_or_else(|| {
            let help = Some("`\"sha256:` and 64 hexadecimal digits of the SubjectPublicKeyInfo`\"`");
            self.report("E0044", string.span, format!("`{}` is no key digest", string.text), help);
            [0; 32]
        });
        Digest { sha256, span: string.span }
    }

    pub(super) fn value_of(&mut self, pair: Pair<'_, Rule>) -> Value<'t> {
        let span = exact(&pair);
        let kind = match pair.as_rule() {
            Rule::any => ValueKind::Any,
            Rule::string => ValueKind::Str(self.string_of(&pair)),
            Rule::date => ValueKind::Date(self.date_of(&pair)),
            Rule::oid => ValueKind::Oid(self.oid_of(&pair)),
            Rule::duration => ValueKind::Duration(self.duration_of(&pair)),
            Rule::int => ValueKind::Int(self.int_of(&pair).value),
            Rule::list => ValueKind::List(self.list_of(pair)),
            Rule::path | Rule::reserved_word => ValueKind::Path(self.path_of(&pair)),
            Rule::record => ValueKind::Record(self.record_of(pair)),
            _ => ValueKind::Unknown,
        };
        Value { kind, span }
    }

    /// The value after a keyword or sign.
    pub(super) fn value(&mut self, kids: &mut Kids<'_>) -> Value<'t> {
        while let Some(pair) = kids.next() {
            if is_value(pair.as_rule()) {
                return self.value_of(pair);
            }
        }
        Value { kind: ValueKind::Unknown, span: Span::default() }
    }

    pub(super) fn list_of(&mut self, pair: Pair<'_, Rule>) -> List<'t> {
        let span = exact(&pair);
        self.leaf(NodeKind::List, span);
        let mut elements = Vec::new();
        for element in pair.into_inner().filter(|pair| pair.as_rule() == Rule::element) {
            let mut kids = Kids::new(element.clone().into_inner());
            let value = self.value(&mut kids);
            let grade = self.grade(&mut kids);
            elements.push(Element { value, grade, span: self.span_of(&element) });
        }
        self.check_length(&elements, span);
        List { elements, span }
    }

    fn record_of(&mut self, pair: Pair<'_, Rule>) -> Record<'t> {
        let span = exact(&pair);
        let mut fields = Vec::new();
        for field in pair.into_inner().filter(|pair| pair.as_rule() == Rule::record_field) {
            let mut kids = Kids::new(field.clone().into_inner());
            let name = self.word(&mut kids);
            let value = self.value(&mut kids);
            fields.push(RecordField { name, value, span: self.span_of(&field) });
        }
        Record { fields, span }
    }

    fn check_length(&mut self, elements: &[Element<'_>], span: Span) {
        if elements.len() > limits::LIST_ELEMENTS_MAX {
            let message = format!(
                "a list has at most {} elements, this one {}",
                limits::LIST_ELEMENTS_MAX,
                elements.len()
            );
            self.report("E0004", span, message, None);
        }
    }

    pub(super) fn list(&mut self, kids: &mut Kids<'_>) -> List<'t> {
        match kids.seek(Rule::list) {
            Some(pair) => self.list_of(pair),
            None => List { elements: Vec::new(), span: Span::default() },
        }
    }

    /// A list of ids: each element is a path, whatever its words.
    pub(super) fn ids(&mut self, kids: &mut Kids<'_>) -> List<'t> {
        let Some(pair) = kids.seek(Rule::id_list) else {
            return List { elements: Vec::new(), span: Span::default() };
        };
        let span = exact(&pair);
        self.leaf(NodeKind::List, span);
        let mut elements = Vec::new();
        for id in pair.into_inner().filter(|pair| pair.as_rule() == Rule::id) {
            let path = self.path_of(&id);
            let span = path.span;
            let value = Value { kind: ValueKind::Path(path), span };
            elements.push(Element { value, grade: None, span });
        }
        self.check_length(&elements, span);
        List { elements, span }
    }

    pub(super) fn grade(&mut self, kids: &mut Kids<'_>) -> Option<Grade<'t>> {
        let pair = kids.take(Rule::grade)?;
        let mut inner = Kids::new(pair.clone().into_inner());
        let name = self.word(&mut inner);
        let (mut by, mut within) = (None, None);
        while let Some(part) = inner.next() {
            match part.as_rule() {
                Rule::word => {
                    let word = self.name_of(&part);
                    by = Some(Basis { words: alloc::vec![word], is_list: false, span: word.span });
                }
                Rule::basis_list => {
                    let mut words = Vec::new();
                    for word in part.clone().into_inner().filter(|pair| pair.as_rule() == Rule::word) {
                        words.push(self.name_of(&word));
                    }
                    by = Some(Basis { words, is_list: true, span: exact(&part) });
                }
                Rule::duration => within = Some(self.duration_of(&part)),
                _ => {}
            }
        }
        Some(Grade { name, by, within, span: self.span_of(&pair) })
    }

    pub(super) fn cites_of(&mut self, pair: &Pair<'_, Rule>) -> Cites<'t> {
        let mut kids = Kids::new(pair.clone().into_inner());
        Cites { source: self.name(&mut kids), clause: self.string(&mut kids), span: exact(pair) }
    }

    pub(super) fn cites(&mut self, kids: &mut Kids<'_>) -> Option<Cites<'t>> {
        kids.take(Rule::cites).map(|pair| self.cites_of(&pair))
    }

    pub(super) fn rel_of(&self, pair: &Pair<'_, Rule>) -> (Rel, Span) {
        let span = exact(pair);
        let rel = match self.text(span) {
            "==" => Rel::Equal,
            "!=" => Rel::NotEqual,
            "<" => Rel::Less,
            "<=" => Rel::LessOrEqual,
            ">" => Rel::Greater,
            ">=" => Rel::GreaterOrEqual,
            "in" => Rel::In,
            _ => Rel::Under,
        };
        (rel, span)
    }
}

pub(super) fn is_value(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::any
            | Rule::unknown
            | Rule::string
            | Rule::date
            | Rule::oid
            | Rule::duration
            | Rule::int
            | Rule::list
            | Rule::path
            | Rule::record
            | Rule::reserved_word
    )
}

fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

/// Seconds since 1970 of `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`, if the calendar has it. There are no leap seconds.
fn unix_seconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<i64>().ok());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = match text.len() {
        10 => (0, 0, 0),
        _ => (number(11, 13)?, number(14, 16)?, number(17, 19)?),
    };
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_of_month = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || day < 1 || day > days_of_month || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, counted from March so that the leap day is last.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year
        - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Source: ITU-T X.660, clause 7.6; arcs up to 128 bits, since UUIDs are arcs (X.667).
fn is_oid(text: &str) -> bool {
    let mut arcs = [0_u128; 2];
    for (index, arc) in text.split('.').enumerate() {
        let Ok(number) = arc.parse::<u128>() else { return false };
        if arc.len() > 1 && arc.starts_with('0') {
            return false;
        }
        if let Some(slot) = arcs.get_mut(index) {
            *slot = number;
        }
    }
    let [first, second] = arcs;
    first <= 2 && (first == 2 || second < 40)
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let hex = text
        .strip_prefix("sha256:")
        .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}
