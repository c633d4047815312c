//! "Did you mean": the nearest of the names that would have been right.

/// Bytes of a written name that is compared at all. Longer ones are no slips of the pen.
const WRITTEN_LEN_BYTES_MAX: usize = 128;
/// Cells of distance tables that one search may fill: five thousand names of ordinary length.
const CELLS_MAX: usize = 1 << 18;

/// The nearest candidate, if it is near: at most a third of the letters differ, and at least one stays.
///
/// Of more candidates than can be compared in time, the nearest among the first.
pub(crate) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if written.len() > WRITTEN_LEN_BYTES_MAX {
        return None;
    }
    let limit = (written.chars().count() / 3).max(2);
    let mut best: Option<(usize, &str)> = None;
    let mut cells_left = CELLS_MAX;
    for candidate in candidates {
        // A further one must be nearer than the best.
        let Some(most) = best.map_or(Some(limit), |(least, _)| least.checked_sub(1)) else { break };
        let is_longer_form = has_same_ends(written, candidate);
        if !is_longer_form && written.len().abs_diff(candidate.len()) > limit.saturating_mul(2) {
            continue;
        }
        let distance =
            if is_longer_form { Some(1) } else { distance(written, candidate, most, &mut cells_left) };
        if let Some(distance) = distance.filter(|found| *found <= most && *found < candidate.chars().count())
        {
            best = Some((distance, candidate));
        }
        if cells_left == 0 {
            break;
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether a candidate is the written path with more in front of its last part.
fn has_same_ends(written: &str, candidate: &str) -> bool {
    if candidate.len() <= written.len() {
        return false;
    }
    let last = |path: &str| path.rsplit('.').next().map(str::len);
    let (Some(written_len), Some(candidate_len)) = (last(written), last(candidate)) else { return false };
    let same_last =
        written_len == candidate_len && candidate.ends_with(written.rsplit('.').next().unwrap_or(written));
    let same_first = !written.contains('.') || candidate.split('.').next() == written.split('.').next();
    same_last && same_first
}

/// Levenshtein distance, with a swap of neighbours counted as one (optimal string alignment), if it is at most `most`.
///
/// Only cells that lie at most so far from the diagonal are filled, and each is taken from `cells_left`.
fn distance(left: &str, right: &str, most: usize, cells_left: &mut usize) -> Option<usize> {
    const FAR: usize = usize::MAX / 2;
    let right: Vec<char> = right.chars().collect();
    *cells_left = cells_left.saturating_sub(right.len());
    let mut before_previous: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    let mut last_left = None;
    for (row, left) in left.chars().enumerate() {
        let first = row.saturating_sub(most);
        let mut current = Vec::with_capacity(right.len().saturating_add(1));
        current.resize(first.min(right.len()).saturating_add(1), FAR);
        if let (0, Some(head)) = (first, current.first_mut()) {
            *head = row.saturating_add(1);
        }
        let mut last_right = first.checked_sub(1).and_then(|column| right.get(column)).copied();
        let band = most.saturating_mul(2).saturating_add(1);
        for (column, right) in right.iter().copied().enumerate().skip(first).take(band) {
            *cells_left = cells_left.checked_sub(1)?;
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(FAR);
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
        // The next row takes from these two alone.
        let is_near = |cells: &[usize]| cells.iter().any(|cell| *cell <= most);
        if !is_near(&current) && !is_near(&previous) {
            return None;
        }
        before_previous = std::mem::replace(&mut previous, current);
        last_left = Some(left);
    }
    previous.get(right.len()).copied().filter(|found| *found <= most)
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
