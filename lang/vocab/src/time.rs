//! Moments and spans: RFC 3339 dates, exact units, calendar units with their bounds.
use alloc::format;
use alloc::string::String;

/// Seconds in a day. A day is 86,400 s and a started day counts (CA/Browser Forum TLS BR 6.3.2).
pub const DAY_S: i64 = 86_400;
/// 9999-12-31T23:59:59Z: the notAfter of a certificate without a well-defined end (RFC 5280 section 4.1.2.5).
pub const FOREVER_DATE: i64 = 253_402_300_799;
/// 0001-01-01T00:00:00Z, the first moment that is accepted.
pub const FIRST_DATE: i64 = -62_135_596_800;

/// Days since 1970-01-01 of a proleptic Gregorian date, or `None` where there is no such day.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
    {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month, day of a count of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The moment that `text` names, in seconds since 1970-01-01T00:00:00Z: `2027-03-15` (its first second) or
/// `2027-03-14T23:59:59Z`. `None` where it is neither, or no such moment exists.
pub fn parse_date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, len: usize| -> Option<i64> {
        let digits = text.get(from..from.checked_add(len)?)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    };
    let at = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
    if !(at(4, b'-') && at(7, b'-')) {
        return None;
    }
    let days = days_from_civil(number(0, 4)?, number(5, 2)?, number(8, 2)?)?;
    let midnight = days * DAY_S;
    match bytes.len() {
        10 => Some(midnight),
        20 if at(10, b'T') && at(13, b':') && at(16, b':') && at(19, b'Z') => {
            let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            Some(midnight + hour * 3600 + minute * 60 + second)
        }
        _ => None,
    }
}

/// `2027-03-15` for a midnight, `2027-03-14T23:59:59Z` for any other moment.
pub fn format_date(moment: i64) -> String {
    let (days, second_of_day) = (moment.div_euclid(DAY_S), moment.rem_euclid(DAY_S));
    let (year, month, day) = civil_from_days(days);
    let mut text = String::with_capacity("0000-00-00T00:00:00Z".len());
    if (1000..=9999).contains(&year) {
        push_two(&mut text, year / 100);
        push_two(&mut text, year % 100);
    } else {
        text.push_str(&format!("{year:04}"));
    }
    text.push('-');
    push_two(&mut text, month);
    text.push('-');
    push_two(&mut text, day);
    if second_of_day != 0 {
        let times = [('T', second_of_day / 3600), (':', second_of_day / 60 % 60), (':', second_of_day % 60)];
        for (before, time) in times {
            text.push(before);
            push_two(&mut text, time);
        }
        text.push('Z');
    }
    text
}

/// The last two digits of a number. A record of an issuance has a dozen moments, and the formatter takes ten times as
/// long over each.
fn push_two(text: &mut String, number: i64) {
    let digits = [number / 10, number].map(|digit| u8::try_from(digit.rem_euclid(10)).unwrap_or_default());
    text.extend(digits.map(|digit| char::from(b'0'.saturating_add(digit))));
}

/// A span of a policy in seconds, with bounds: `47d` is exact, `13mo` is 393 to 397 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The shortest that the span may be, in seconds.
    pub min_s: i64,
    /// The longest that the span may be, in seconds.
    pub max_s: i64,
}

impl Span {
    /// The span without an end: what `forever` means.
    pub const FOREVER: Span = Span { min_s: i64::MAX, max_s: i64::MAX };

    /// A span of exactly so many seconds.
    pub const fn exact(seconds: i64) -> Span {
        Span { min_s: seconds, max_s: seconds }
    }

    /// The span of `count` units `s`, `min`, `h`, `d`, `mo` or `y`; `None` for another unit or past the range.
    ///
    /// Calendar units carry the bounds of every possible run of months: `mo` within any 4,800 months, `y` with
    /// the leap days that a run of that many years can hold.
    pub fn of(count: u64, unit: &str) -> Option<Span> {
        let count = i64::try_from(count).ok()?;
        let exact = |seconds: i64| count.checked_mul(seconds).map(Span::exact);
        match unit {
            "s" => exact(1),
            "min" => exact(60),
            "h" => exact(3600),
            "d" => exact(DAY_S),
            "mo" => months(count),
            "y" => months(count.checked_mul(12)?),
            _ => None,
        }
    }

    /// Whether both bounds are the same.
    pub const fn is_exact(self) -> bool {
        self.min_s == self.max_s
    }
}

/// Bounds of `count` months. Runs longer than 400 years are refused: no certificate needs one.
fn months(count: i64) -> Option<Span> {
    if count > 4800 {
        return None;
    }
    let mut bounds: Option<(i64, i64)> = None;
    // The Gregorian calendar repeats after 4,800 months; leap years differ only near century years, so the
    // starts of 1896 to 1904 and 1996 to 2004 see every possible pattern of one to four years, and whole
    // centuries are covered by starting at each month of both windows.
    for first in (1896 * 12..1905 * 12_i64).chain(1996 * 12..2005 * 12) {
        let length = month_start(first.checked_add(count)?)? - month_start(first)?;
        bounds = Some(match bounds {
            None => (length, length),
            Some((low, high)) => (low.min(length), high.max(length)),
        });
    }
    let (low, high) = bounds?;
    Some(Span { min_s: low.checked_mul(DAY_S)?, max_s: high.checked_mul(DAY_S)? })
}

fn month_start(months: i64) -> Option<i64> {
    days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
}

/// A span of seconds for a person: `47d`, `12h`, `90min`, `4060801s`.
pub fn format_span(seconds: i64) -> String {
    if seconds == i64::MAX {
        return String::from("forever");
    }
    for (unit, size) in [("d", DAY_S), ("h", 3600), ("min", 60)] {
        if seconds != 0 && seconds % size == 0 {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_any_year_are_shown_as_the_formatter_shows_them() {
        for years in [-2400, -2000, -1871, -1001, -970, -969, -1, 0, 79, 8029, 8031, 100_000] {
            let days = years * 365;
            let (year, month, day) = civil_from_days(days);
            let date = format!("{year:04}-{month:02}-{day:02}");
            assert_eq!(format_date(days * DAY_S), date);
            assert_eq!(format_date(days * DAY_S + 3661), format!("{date}T01:01:01Z"));
            assert_eq!(format_date(days * DAY_S + DAY_S - 1), format!("{date}T23:59:59Z"));
        }
    }

    #[test]
    fn dates_round_trip_over_nine_thousand_years() {
        for days in (-719_162..2_932_896).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), Some(days));
            assert_eq!(parse_date(&format_date(days * DAY_S + 1)), Some(days * DAY_S + 1));
        }
        assert_eq!(parse_date("9999-12-31T23:59:59Z"), Some(FOREVER_DATE));
        assert_eq!(parse_date("0001-01-01"), Some(FIRST_DATE));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "2027-02-29",
            "2027-13-01",
            "2027-3-15",
            "2027-03-15T24:00:00Z",
            "2027-03-15T00:00:00",
            "+027-03-15",
            "",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert_eq!(parse_date("2028-02-29"), Some(1_835_395_200));
    }

    #[test]
    fn calendar_spans_have_the_bounds_of_every_start() {
        let days = |span: Span| (span.min_s / DAY_S, span.max_s / DAY_S);
        assert_eq!(Span::of(1, "mo").map(days), Some((28, 31)));
        assert_eq!(Span::of(13, "mo").map(days), Some((393, 397)));
        assert_eq!(Span::of(1, "y").map(days), Some((365, 366)));
        assert_eq!(Span::of(3, "y").map(days), Some((1095, 1096)));
        assert_eq!(Span::of(8, "y").map(days), Some((2921, 2922)));
        assert_eq!(Span::of(47, "d"), Some(Span::exact(4_060_800)));
        assert_eq!(Span::of(5000, "mo"), None);
        assert_eq!(Span::of(1, "w"), None);
    }
}
