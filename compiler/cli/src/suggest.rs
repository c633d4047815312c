//! "Did you mean": the known name that is nearest to an unknown one.

/// Characters of a name that are compared: longer ones are nobody's slip of the pen.
const LEN_MAX: usize = 64;

/// The nearest of `known`, if it is near enough: a third of its characters may differ, and at least one.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(LEN_MAX).collect();
    let near = |candidate: &&str| {
        let len = candidate.chars().count();
        let differing_max = len.div_euclid(3).max(1);
        // A file may have ten thousands of unknown names: most are told apart by their length.
        let found =
            (name.len().abs_diff(len.min(LEN_MAX)) <= differing_max).then(|| distance(&name, candidate));
        found.filter(|distance| *distance <= differing_max)
    };
    let found = known.filter_map(|candidate| Some((near(&candidate)?, candidate)));
    found.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Levenshtein distance, without case.
fn distance(name: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (index, other) in candidate.chars().take(LEN_MAX).enumerate() {
        let mut diagonal = index;
        let mut left = index.saturating_add(1);
        let mut cells = row.iter_mut();
        cells.next().into_iter().for_each(|first| *first = left);
        for (own, cell) in name.iter().zip(cells) {
            let replaced = diagonal.saturating_add(usize::from(!own.eq_ignore_ascii_case(&other)));
            left = replaced.min(cell.saturating_add(1)).min(left.saturating_add(1));
            diagonal = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["key.storage", "key.export", "module.vendor"];
        assert_eq!(nearest("key.exportable", known.into_iter()), None);
        assert_eq!(nearest("key.exprot", known.into_iter()), Some("key.export"));
        assert_eq!(nearest("KEY.STORAGE", known.into_iter()), Some("key.storage"));
        assert_eq!(nearest("zzz", known.into_iter()), None);
        assert_eq!(distance(&['a', 'b', 'c'], "abd"), 1);
        assert_eq!(distance(&[], "abd"), 3);
    }
}
