//! The policies that come with pkic, embedded: `use std "…"` finds them without a file.

/// Name for messages, and text.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("stdlib-profiles/anchors.pki", include_str!("../../../stdlib-profiles/anchors.pki")),
    ("stdlib-profiles/lab.pki", include_str!("../../../stdlib-profiles/lab.pki")),
    ("stdlib-profiles/mandates-cabf.pki", include_str!("../../../stdlib-profiles/mandates-cabf.pki")),
    ("stdlib-profiles/mandates-eu.pki", include_str!("../../../stdlib-profiles/mandates-eu.pki")),
    ("stdlib-profiles/mandates-sector.pki", include_str!("../../../stdlib-profiles/mandates-sector.pki")),
    ("stdlib-profiles/mandates-us.pki", include_str!("../../../stdlib-profiles/mandates-us.pki")),
    ("stdlib-profiles/profiles.pki", include_str!("../../../stdlib-profiles/profiles.pki")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_shipped_policy_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib-profiles");
        let mut shipped: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".pki") && !name.ends_with(".test.pki"))
            .map(|name| format!("stdlib-profiles/{name}"))
            .collect();
        shipped.sort();
        let embedded: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, shipped);
    }
}
