//! Plugins by the binary: they count where the policy names the module, with their own basis; and without the feature there
//! is no option for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]
mod work;

use work::Work;

#[cfg(not(feature = "plugins"))]
#[test]
fn a_build_without_a_sandbox_has_no_plugins_and_says_so() {
    let work = Work::new("no-plugins");
    work.write("widget.wasm", b"\0asm\x01\0\0\0");
    let (code, text) = work.pkic("evidence formats");
    assert_eq!(code, 0);
    assert!(text.lines().any(|line| line.starts_with("plugin ") && line.contains("not built")), "{text}");
    for command in ["evidence formats", "evidence show widget.wasm"] {
        let (code, text) = work.pkic(&format!("{command} --plugin widget.wasm"));
        assert_eq!(code, 2);
        assert!(text.contains("--plugin"), "{text}");
    }
    assert_eq!(work.pkic("ca init lab").0, 0);
    let path = work.0.join("lab/pkic.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("[log]", "[inputs]\nplugins = [\"../widget.wasm\"]\n[log]", 1))
        .unwrap();
    let (code, text) = work.pkic("config check --config lab/pkic.toml");
    assert!(code == 0 && text.contains("was not built with plugins"), "{text}");
    let revoke = "revoke --config lab/pkic.toml --authority bench.issuing --profile revocation --serial 00";
    let (code, text) = work.pkic(revoke);
    assert!(code == 2 && text.contains("plugins are not built in this binary"), "{text}");
}

#[cfg(feature = "plugins")]
mod with_a_sandbox {
    use super::Work;

    const MODULE: &[u8] = include_bytes!("../../../backends/plugin/guest/yubikey_piv.wasm");
    const POLICY: &str = r#"edition 2026
policy example.plug "1.0.0"
PLUGINS
profile device {
    role device-local
    operations [issue]
    key.storage in [se.token] GRADE
    origin: key.origin == generated
    bound: evidence.bound == true
    contents {
        validity <= 1y default 90d
        subject.common-name
        key-usage critical == [digital-signature]
    }
}
"#;
    /// A token's certificate without the certificate of its device: the built-in format takes it for none of its own.
    const EXTENSIONS: &str = "1.3.6.1.4.1.41482.3.3=DER:050403\n1.3.6.1.4.1.41482.3.7=DER:02020102\n\
                              1.3.6.1.4.1.41482.3.8=DER:0202\n";
    const NAME: &str = "[req]\nprompt = no\ndistinguished_name = dn\n[dn]\nCN = YubiKey PIV Attestation 9a\n";

    fn digest(work: &Work, arguments: &str) -> String {
        work.openssl(arguments);
        let hex = String::from_utf8(work.openssl("dgst -sha256 -r bytes")).unwrap();
        format!("sha256:{}", hex.split(' ').next().unwrap())
    }

    /// A token under a root of its own, two requests, and the module.
    fn token(name: &str) -> Work {
        let work = Work::new(name);
        work.write("name.cnf", NAME);
        work.write("extensions.cnf", EXTENSIONS);
        work.write("piv.wasm", MODULE);
        std::fs::create_dir_all(work.0.join("anchors")).unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        work.openssl(&format!(
            "req -x509 {key} -subj /CN=root -keyout root.key -out anchors/root.pem -days 36500"
        ));
        for name in ["own", "other"] {
            work.openssl(&format!("req -new {key} -config name.cnf -keyout {name}.key -out {name}.csr.pem"));
        }
        let issue =
            "x509 -req -in own.csr.pem -CA anchors/root.pem -CAkey root.key -set_serial 7 -days 36500";
        work.openssl(&format!("{issue} -extfile extensions.cnf -out slot.pem"));
        anchors(&work, "");
        work
    }

    fn anchors(work: &Work, more: &str) {
        let root = digest(work, "pkey -in root.key -pubout -outform DER -out bytes");
        let entry =
            format!("[[anchor]]\nname = \"root\"\nspki = \"{root}\"\npurpose = \"production\"\n{more}");
        work.write("anchors/anchors.toml", entry);
    }

    fn named(name: &str, module: &str) -> String {
        format!("signers plugins \"{name}\" {{\n    signer \"release\" spki \"{module}\"\n}}")
    }

    /// Exit code and decision in JSON.
    fn decide(work: &Work, plugins: &str, grade: &str, request: &str) -> (i32, serde_json::Value) {
        work.write("plug.pki", POLICY.replace("PLUGINS", plugins).replace("GRADE", grade));
        let what = "evaluate --policy plug.pki --profile device --evidence slot.pem --anchors anchors --plugin piv.wasm";
        let (code, text) =
            work.pkic(&format!("{what} --csr {request}.csr.pem --at 2080-01-01T12:00:00Z --format json"));
        (code, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
    }

    #[test]
    fn a_plugin_counts_where_the_policy_names_the_module() {
        let work = token("plugin-named");
        work.write("bytes", MODULE);
        let module = digest(&work, "version");
        let ours = named("yubikey-piv", &module);
        let (code, decision) = decide(&work, &ours, "", "own");
        assert_eq!(code, 0, "{decision:#}");
        let item = &decision["evidence"][0];
        assert_eq!((&item["format"], &item["verdict"]), (&"plugin".into(), &"verified".into()));
        assert_eq!(item["plugin"], serde_json::json!({"name": "yubikey-piv", "digest": module}));
        let of_other_bytes = named("yubikey-piv", &format!("sha256:{}", "0".repeat(64)));
        for plugins in
            ["", of_other_bytes.as_str(), &named("another", &module), &ours.replace("plugins", "verifiers")]
        {
            let (code, decision) = decide(&work, plugins, "", "own");
            let item = &decision["evidence"][0];
            assert_eq!((code, &item["verdict"]), (1, &"refused".into()), "{plugins}");
            assert!(item["why"].as_str().unwrap().contains("does not name the plugin"), "{plugins}");
            assert_eq!(item["plugin"]["digest"], module.as_str(), "{plugins}");
            let facts = decision["facts"].as_array().unwrap();
            assert!(facts.iter().all(|fact| fact["grade"] != "attested"), "{plugins}");
        }
        let (code, decision) = decide(&work, &ours, "", "other");
        assert_eq!(code, 1);
        assert!(decision["evidence"][0]["why"].as_str().unwrap().contains("is about the key"));
        anchors(&work, "formats = [\"yubikey-piv\"]\n");
        assert_eq!(decide(&work, &ours, "", "own").0, 1, "the anchor is for another format");
        anchors(&work, "formats = [\"plugin\"]\n");
        assert_eq!(decide(&work, &ours, "", "own").0, 0);
    }

    #[test]
    fn a_policy_that_asks_for_another_basis_takes_nothing_from_a_plugin() {
        let work = token("plugin-basis");
        work.write("bytes", MODULE);
        let ours = named("yubikey-piv", &digest(&work, "version"));
        assert_eq!(decide(&work, &ours, "@ attested by plugin", "own").0, 0);
        for basis in ["statement", "practice", "[statement, practice, catalogue]", "verifier"] {
            let (code, decision) = decide(&work, &ours, &format!("@ attested by {basis}"), "own");
            assert_eq!(code, 1, "{basis}");
            let refusing: Vec<&serde_json::Value> = decision["requirements"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|requirement| requirement["result"] != "satisfied")
                .map(|requirement| &requirement["id"])
                .collect();
            assert_eq!(refusing, ["key.storage"], "{basis}");
        }
    }

    /// A profile of the lab for what the token says of itself, after what the lab policy has.
    const TOKEN: &str = r#"
profile token {
    role device-local
    operations [issue]
    issued-by [issuing]
    key.storage in [se.token] @ attested by plugin
    contents {
        validity <= 30d default 7d
        subject.common-name
        key-usage critical == [digital-signature]
        subject-key-identifier
        authority-key-identifier
    }
}
"#;

    #[test]
    fn a_ca_issues_on_what_a_plugin_says_where_the_policy_names_the_module() {
        let work = token("plugin-issue");
        work.write("bytes", MODULE);
        let module = digest(&work, "version");
        let text = |file: &str| std::fs::read_to_string(work.0.join(file)).unwrap();
        assert_eq!(work.pkic("ca init .").0, 0);
        let (policy, deployment) = (text("policy.pki"), text("pkic.toml"));
        let settings = |plugins: &str| {
            let inputs = format!("[inputs]\nanchors = \"anchors\"\n{plugins}\n[log]");
            work.write("pkic.toml", deployment.replacen("[log]", &inputs, 1));
        };
        let issue = "issue --profile token --csr own.csr.pem --evidence slot.pem -o own.pem --format json";
        let json = |text: &str| -> serde_json::Value {
            serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
        };
        work.write("policy.pki", format!("{policy}{TOKEN}"));
        settings("plugins = [\"piv.wasm\"]");
        let (code, text) = work.pkic(issue);
        let refused = &json(&text)["decision"];
        assert_eq!((code, work.0.join("own.pem").exists()), (1, false), "{text}");
        let why = refused["evidence"][0]["why"].as_str().unwrap();
        assert!(why.contains("does not name the plugin"), "{text}");
        let (code, text) = work.pkic("config check");
        assert!(code == 0 && text.contains("the policy names no plugin `yubikey-piv`"), "{text}");

        work.write("policy.pki", format!("{policy}\n{}\n{TOKEN}", named("yubikey-piv", &module)));
        settings("");
        assert_eq!((work.pkic(issue).0, work.0.join("own.pem").exists()), (1, false), "no plugin is there");
        settings("plugins = [\"piv.wasm\"]");
        let (code, text) = work.pkic(issue);
        assert_eq!(code, 0, "{text}");
        let issued = json(&text);
        let permitted = &issued["decision"];
        assert_eq!(permitted["inputs"]["plugins"], serde_json::json!([module]), "{text}");
        work.openssl("verify -x509_strict -CAfile root.pem -untrusted issuing.pem own.pem");
        let (code, text) = work.pkic("audit prove --cert own.pem --format json");
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("se.token") && text.contains(&module), "{text}");
        // The log keeps the module, and a replay runs it again, without the deployment's.
        settings("");
        let (code, text) = work.pkic(&format!("replay {} --format json", issued["index"]));
        let replayed = json(&text);
        assert!(code == 0 && replayed["level"] == 2 && replayed["holds"] == true, "{text}");
        let (_, hex) = module.split_once(':').unwrap();
        let kept = std::process::Command::new("grep")
            .args(["-rlaF", "pkic_abi_version", "log"])
            .current_dir(&work.0)
            .output()
            .unwrap();
        let kept = String::from_utf8(kept.stdout).unwrap();
        assert!(kept.replace('/', "").contains(hex), "{kept}");

        settings("plugins = [\"own.csr.pem\"]");
        let (code, text) = work.pkic(issue);
        assert!(code == 2 && text.contains("own.csr.pem"), "{text}");
        let (code, text) = work.pkic("config check");
        assert!(code == 1 && text.contains("E0608"), "{text}");
    }

    #[test]
    fn show_and_formats_name_the_plugin() {
        let work = token("plugin-shown");
        work.write("bytes", MODULE);
        let module = digest(&work, "version");
        let (code, text) = work.pkic("evidence formats --plugin piv.wasm");
        assert!(code == 0 && text.contains("`yubikey-piv`") && text.contains(&module), "{text}");
        let show = "evidence show slot.pem --anchors anchors --at 2080-01-01 --csr own.csr.pem";
        assert_eq!(work.pkic(show).0, 1, "no built-in format takes it");
        let (code, text) = work.pkic(&format!("{show} --plugin piv.wasm"));
        assert!(code == 0 && text.contains("VERIFIED") && text.contains(&module), "{text}");
        work.write("foreign.cwasm", b"\x7fELF\x02\x01\x01");
        let (code, text) = work.pkic(&format!("{show} --plugin foreign.cwasm"));
        assert!(code == 2 && text.contains("machine code"), "{text}");
    }
}
