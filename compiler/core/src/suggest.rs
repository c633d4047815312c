//! "Did you mean": the nearest of the names that would have been right.

/// The nearest candidate, if it is near: at most a third of the letters differ, and at least one stays.
pub(crate) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (written.chars().count() / 3).max(2);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let is_longer_form = has_same_ends(written, candidate);
        if !is_longer_form && written.len().abs_diff(candidate.len()) > limit.saturating_mul(2) {
            continue;
        }
        let distance = if is_longer_form { 1 } else { distance(written, candidate) };
        let is_near = distance <= limit && distance < candidate.chars().count();
        if is_near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether a candidate is the written path with more in front of its last part.
fn has_same_ends(written: &str, candidate: &str) -> bool {
    let last = |path: &str| path.rsplit('.').next().map(str::len);
    let (Some(written_len), Some(candidate_len)) = (last(written), last(candidate)) else { return false };
    let same_last =
        written_len == candidate_len && candidate.ends_with(written.rsplit('.').next().unwrap_or(written));
    let same_first = !written.contains('.') || candidate.split('.').next() == written.split('.').next();
    same_last && same_first && candidate.len() > written.len()
}

/// Levenshtein distance, with a swap of neighbours counted as one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_previous: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    let mut last_left = None;
    for (row, left) in left.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        let mut last_right = None;
        for (column, right) in right.iter().copied().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX);
            let next = column.saturating_add(1);
            let replaced = at(&previous, column).saturating_add(usize::from(left != right));
            let mut least = replaced
                .min(at(&previous, next).saturating_add(1))
                .min(at(&current, column).saturating_add(1));
            if last_left == Some(right) && last_right == Some(left) {
                least = least.min(at(&before_previous, column.saturating_sub(1)).saturating_add(1));
            }
            current.push(least);
            last_right = Some(right);
        }
        before_previous = std::mem::replace(&mut previous, current);
        last_left = Some(left);
    }
    previous.last().copied().unwrap_or(0)
}

/// `a, b or c`, each in backticks; at most eight, then an ellipsis.
pub(crate) fn choices<'c>(words: impl IntoIterator<Item = &'c str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    let mut shown: Vec<String> = words.iter().take(8).map(|word| format!("`{word}`")).collect();
    if words.len() > 8 {
        shown.push("…".to_owned());
        return shown.join(", ");
    }
    match shown.pop() {
        Some(last) if !shown.is_empty() => format!("{} or {last}", shown.join(", ")),
        Some(last) => last,
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let facts = ["key.storage", "key.export", "module.serial"];
        assert_eq!(nearest("key.exportable", facts), Some("key.export"));
        assert_eq!(nearest("key.stroage", facts), Some("key.storage"));
        assert_eq!(nearest("certificate.validity", facts), None);
        assert_eq!(nearest("ab", ["cd"]), None);
        assert_eq!(nearest("discrete", ["tpm.discrete"]), Some("tpm.discrete"));
        let long = "certificate.subject.serial-number";
        assert_eq!(nearest("certificate.serial-number", [long]), Some(long));
        assert_eq!(nearest("module.serial-number", [long]), None);
    }
}
