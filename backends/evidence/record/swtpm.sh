#!/bin/sh
# Records TPM key attestation from a software TPM (swtpm) into a folder, tests/recorded/swtpm by default.
#
#   record/swtpm.sh [FOLDER]
#
# Unless KEEP_EXPECTED is set it then writes the new digests into tests/expected/tpm-recorded-*.toml and anchors/tpm-recorded.toml, whose facts stay as they are.
# Needs swtpm, swtpm-tools, tpm2-tools, the tpm2 provider of OpenSSL 3, python3, and the program that MAKE_CREDENTIAL names (by default
# the example make_credential of this crate, run by cargo). Every run makes new keys; nothing of the TPM's state is kept.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
out=${1:-$here/../tests/recorded/swtpm}
: "${MAKE_CREDENTIAL:=cargo run --quiet --manifest-path $here/../Cargo.toml --example make_credential --}"
: "${PORT:=22521}"
mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd)
work=$(mktemp -d)
cd "$work"
nonce=706b69632d7265636f7264696e672d6e6f6e63652d30303031

stop() {
    if [ -f swtpm.pid ]; then kill "$(cat swtpm.pid)" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap stop EXIT

# --- the TPM and its manufacturer ---------------------------------------------------------------------------------
mkdir state ca
cat > localca.conf <<END
statedir = $work/ca
signingkey = $work/ca/signkey.pem
issuercert = $work/ca/issuercert.pem
certserial = $work/ca/certserial
END
: > localca.options
cat > setup.conf <<END
create_certs_tool = $(command -v swtpm_localca)
create_certs_tool_config = $work/localca.conf
create_certs_tool_options = $work/localca.options
END
swtpm_setup --tpm2 --tpmstate "$work/state" --config setup.conf --create-ek-cert --overwrite >setup.log 2>&1 \
    || { cat setup.log >&2; exit 1; }
swtpm socket --tpm2 --tpmstate "dir=$work/state" --server type=tcp,port="$PORT",bindaddr=127.0.0.1 \
    --ctrl type=tcp,port="$((PORT + 1))",bindaddr=127.0.0.1 --flags not-need-init,startup-clear \
    --daemon --pid "file=$work/swtpm.pid"
export TPM2TOOLS_TCTI="swtpm:host=127.0.0.1,port=$PORT" TPM2OPENSSL_TCTI="swtpm:host=127.0.0.1,port=$PORT"
export TSS2_LOG=all+NONE
flush() { tpm2_flushcontext -t; tpm2_flushcontext -l; }

openssl x509 -in ca/swtpm-localca-rootca-cert.pem -outform DER -out "$out/ek-root.der"
openssl x509 -in ca/issuercert.pem -outform DER -out "$out/ek-issuer.der"
tpm2_nvread 0x1c00002 > "$out/ek-rsa.der"
tpm2_nvread 0x1c00016 > "$out/ek-ecc.der"

# --- endorsement and attestation keys -----------------------------------------------------------------------------
# swtpm_setup leaves them at the handles of the TCG EK credential profile: RSA-2048 by template L-1, P-384 by template H-3.
tpm2_createak -C 0x81010001 -G ecc -g sha256 -s ecdsa -c ak-ec.ctx -u ak-ec.tss -n ak-ec.name; flush
tpm2_createak -C 0x81010001 -G rsa -g sha256 -s rsassa -c ak-rsa.ctx -u ak-rsa.tss -n ak-rsa.name; flush

tpm2_createprimary -C o -G ecc256 -c srk.ctx; flush
# A key that signs whatever it is given, so that it can stand in for an attestation key and must not be taken for one.
tpm2_create -C srk.ctx -G ecc256:ecdsa-sha256 -u ak-loose.tss -r loose.priv \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'; flush
tpm2_load -C srk.ctx -u ak-loose.tss -r loose.priv -c ak-loose.ctx -n ak-loose.name; flush

# --- application keys ---------------------------------------------------------------------------------------------
fixed='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
make_key() { # NAME ALGORITHM ATTRIBUTES [POLICY]
    tpm2_create -C srk.ctx -G "$2" -a "$3" ${4:+-L "$4"} -u "$1.tss" -r "$1.priv" \
        --creation-data "$1.creation" -d "$1.creation-hash" -t "$1.ticket"
    flush
    tpm2_load -C srk.ctx -u "$1.tss" -r "$1.priv" -c "$1.ctx"
    flush
}
make_key app-ec ecc256 "$fixed"
make_key app-ec384 ecc384 "$fixed"
make_key app-rsa rsa2048 "$fixed"
tpm2_startauthsession -S session.ctx
tpm2_policycommandcode -S session.ctx -L duplicate.policy TPM2_CC_Duplicate
tpm2_flushcontext session.ctx
make_key app-duplicable ecc256 'sensitivedataorigin|userwithauth|sign' duplicate.policy
openssl ecparam -name prime256v1 -genkey -noout -out imported.pem
tpm2_import -C srk.ctx -G ecc -i imported.pem -u app-imported.tss -r app-imported.priv -a 'userwithauth|sign'; flush
tpm2_load -C srk.ctx -u app-imported.tss -r app-imported.priv -c app-imported.ctx; flush

# --- attestations -------------------------------------------------------------------------------------------------
certify() { # NAME KEY AK
    tpm2_certify -c "$2.ctx" -C "$3.ctx" -g sha256 -o "$1.attest" -s "$1.signature"; flush
}
certify_creation() { # NAME KEY AK SCHEME
    tpm2_certifycreation -C "$3.ctx" -c "$2.ctx" -d "$2.creation-hash" -t "$2.ticket" -g sha256 -s "$4" \
        --attestation "$1.attest" -o "$1.signature" -q "$nonce"; flush
}
certify certify-ec app-ec ak-ec
certify certify-rsa app-rsa ak-rsa
certify certify-duplicable app-duplicable ak-ec
certify certify-imported app-imported ak-ec
certify certify-loose app-ec ak-loose
certify_creation creation-ec app-ec ak-ec ecdsa
certify_creation creation-ec384 app-ec384 ak-ec ecdsa
certify_creation creation-rsa app-rsa ak-rsa rsassa
certify_creation creation-duplicable app-duplicable ak-ec ecdsa
certify_creation creation-loose app-ec ak-loose ecdsa
tpm2_quote -c ak-ec.ctx -l sha256:0,7 -q "$nonce" -g sha256 -m quote.attest -s quote.signature \
    -o quote.pcr-values -F values; flush

# --- attestation key certificates, from a test CA -----------------------------------------------------------------
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ak-ca.key -out ak-ca.pem -days 3650 \
    -subj '/O=pkic/CN=recorded attestation key CA' -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
openssl x509 -in ak-ca.pem -outform DER -out "$out/ak-ca.der"
cat > ak.cnf <<END
[ak]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = 2.23.133.8.3
subjectAltName = critical,dirName:tpm
authorityKeyIdentifier = keyid
[plain]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
[tpm]
tcg.2.23.133.2.1 = id:00001014
tcg.2.23.133.2.2 = swtpm
tcg.2.23.133.2.3 = id:20191023
END
ak_certificate() { # NAME AK SECTION
    tpm2_readpublic -c "$2.ctx" -f pem -o "$2.pem" >/dev/null; flush
    openssl x509 -new -subj / -force_pubkey "$2.pem" -CA ak-ca.pem -CAkey ak-ca.key -days 3650 \
        -extfile ak.cnf -extensions "$3" -outform DER -out "$out/$1.der"
}
ak_certificate ak-ec-certificate ak-ec ak
ak_certificate ak-rsa-certificate ak-rsa ak
ak_certificate ak-ec-certificate-no-eku ak-ec plain

# --- credential activation: our half makes the credential, the TPM opens it ---------------------------------------
tpm2_flushcontext -s
activate() { # NAME EK AK HANDLE
    $MAKE_CREDENTIAL "$out/$2.der" "$(xxd -p -c 200 "$3.name")" "$1.challenge" "$1.randomness" "$1.blob"
    tpm2_startauthsession --policy-session -S session.ctx
    tpm2_policysecret -S session.ctx -c e >/dev/null
    tpm2_activatecredential -c "$3.ctx" -C "$4" -i "$1.blob" -o "$1.secret" -P session:session.ctx >/dev/null
    tpm2_flushcontext session.ctx
    flush
}
activate activation-ec ek-rsa ak-ec 0x81010001
activate activation-rsa ek-rsa ak-rsa 0x81010001
activate activation-loose ek-rsa ak-loose 0x81010001
activate_plain() { # NAME EK AK HANDLE: the high-range templates let their authorisation value be enough
    $MAKE_CREDENTIAL "$out/$2.der" "$(xxd -p -c 200 "$3.name")" "$1.challenge" "$1.randomness" "$1.blob"
    tpm2_activatecredential -c "$3.ctx" -C "$4" -i "$1.blob" -o "$1.secret" >/dev/null
    flush
}
activate_plain activation-ec-by-ecc-ek ek-ecc ak-ec 0x81010016

# --- requests -----------------------------------------------------------------------------------------------------
request() { # NAME HANDLE
    tpm2_evictcontrol -C o -c "$1.ctx" "$2" >/dev/null; flush
    openssl req -new -provider tpm2 -provider default -propquery '?provider=tpm2' -key "handle:$2" \
        -subj "/O=pkic/CN=$1" -outform DER -out "$out/$1.csr"
    flush
}
request app-ec 0x81010010
request app-ec384 0x81010011
request app-rsa 0x81010012
request app-duplicable 0x81010013
request app-imported 0x81010014

# --- the containers and the registrar's records --------------------------------------------------------------------
cp ./ak-ec.name ./ak-rsa.name ./ak-loose.name "$out"
for activation in activation-ec activation-rsa activation-ec-by-ecc-ek; do
    cp "$activation.challenge" "$activation.randomness" "$activation.blob" "$out"
done
cp activation-loose.challenge "$out"
chmod 644 "$out"/*
python3 - "$out" <<'END'
import base64, json, pathlib, sys

out = pathlib.Path(sys.argv[1])
text = lambda data: base64.b64encode(data).decode()
here = lambda name: text(pathlib.Path(name).read_bytes())
kept = lambda name: text((out / name).read_bytes())


def container(name, format, attestation, key, **members):
    data = {"format": format, "attest": here(attestation + ".attest"), "signature": here(attestation + ".signature")}
    if key:
        data["public"] = here(key + ".tss")
    data.update({member.replace("_", "-"): value for member, value in members.items()})
    (out / (name + ".json")).write_text(json.dumps(data, indent=1) + "\n")


by_certificate = lambda ak, certificate: {"ak_public": here(ak + ".tss"), "ak_chain": [kept(certificate + ".der")]}
by_activation = lambda ak, ek, activation: {
    "ak_public": here(ak + ".tss"),
    "ek_chain": [kept(ek + ".der"), kept("ek-issuer.der")],
    "activation_secret": here(activation + ".secret"),
}
created = lambda key: {"creation_data": here(key + ".creation")}

ec = by_certificate("ak-ec", "ak-ec-certificate")
certify, creation = "tpm2-certify", "tpm2-certify-creation"
container("certify-ec", certify, "certify-ec", "app-ec", **ec)
container("certify-rsa", certify, "certify-rsa", "app-rsa", **by_certificate("ak-rsa", "ak-rsa-certificate"))
container("certify-duplicable", certify, "certify-duplicable", "app-duplicable", **ec)
container("certify-imported", certify, "certify-imported", "app-imported", **ec)
container("certify-loose", certify, "certify-loose", "app-ec", ak_public=here("ak-loose.tss"))
container("certify-without-purpose", certify, "certify-ec", "app-ec", **by_certificate("ak-ec", "ak-ec-certificate-no-eku"))
container("certify-bare", certify, "certify-ec", "app-ec", ak_public=here("ak-ec.tss"))
container("quote", certify, "quote", "app-ec", **ec)
container("platform-quote", "tpm2-quote", "quote", None, pcr_values=here("quote.pcr-values"), **ec)
container("creation-ec", creation, "creation-ec", "app-ec", **created("app-ec"), **by_activation("ak-ec", "ek-rsa", "activation-ec"))
container(
    "creation-ec384", creation, "creation-ec384", "app-ec384", **created("app-ec384"),
    **by_activation("ak-ec", "ek-ecc", "activation-ec-by-ecc-ek"))
container("creation-rsa", creation, "creation-rsa", "app-rsa", **created("app-rsa"), **by_activation("ak-rsa", "ek-rsa", "activation-rsa"))
container(
    "creation-duplicable", creation, "creation-duplicable", "app-duplicable", **created("app-duplicable"),
    **by_activation("ak-ec", "ek-rsa", "activation-ec"))
container(
    "creation-loose", creation, "creation-loose", "app-ec", **created("app-ec"),
    **by_activation("ak-loose", "ek-rsa", "activation-loose"))
END

# --- what the expectation files say of the files above -------------------------------------------------------------
if [ -n "${KEEP_EXPECTED:-}" ]; then exit 0; fi
python3 - "$out" "$here/../tests/expected" <<'END'
import hashlib, pathlib, re, subprocess, sys

out, expected = map(pathlib.Path, sys.argv[1:])
listed = re.compile('path = "recorded/swtpm/([^"]+)"\nsha256 = "[0-9a-f]*"')
activated = re.compile('# recorded: (.*) (.*) (.*)\nendorsement_key = ".*"\nname_hex = ".*"\nsecret_hex = ".*"')
sha256 = lambda data: hashlib.sha256(data).hexdigest()


def spki_digest(certificate):
    extract = ["openssl", "x509", "-inform", "DER", "-in", out / certificate, "-pubkey", "-noout"]
    pem = subprocess.run(extract, check=True, capture_output=True).stdout
    to_der = ["openssl", "pkey", "-pubin", "-outform", "DER"]
    return "sha256:" + sha256(subprocess.run(to_der, input=pem, check=True, capture_output=True).stdout)


def with_digest(match):
    digest = sha256((out / match[1]).read_bytes())
    return f'path = "recorded/swtpm/{match[1]}"\nsha256 = "{digest}"'


def with_record(match):
    key = spki_digest(match[1] + ".der")
    name, secret = ((out / file).read_bytes().hex() for file in [match[2] + ".name", match[3] + ".challenge"])
    files = f"# recorded: {match[1]} {match[2]} {match[3]}"
    return f'{files}\nendorsement_key = "{key}"\nname_hex = "{name}"\nsecret_hex = "{secret}"'


for file in expected.glob("tpm-recorded-*.toml"):
    file.write_text(activated.sub(with_record, listed.sub(with_digest, file.read_text())))
listing = expected / "anchors" / "tpm-recorded.toml"
text = listing.read_text() if listing.exists() else ""
for name, file in [("swtpm-localca", "ek-root.der"), ("recorded attestation key CA", "ak-ca.der")]:
    digest = spki_digest(file)
    text = re.sub(f'(name = "{name}"\nspki = ")[^"]*', lambda match: match[1] + digest, text)
if text:
    listing.write_text(text)
END
