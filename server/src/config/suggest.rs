//! "Did you mean …?" for names that do not exist.

/// Below this likeness (0 to 1) a suggestion would only confuse.
const ALIKE: f64 = 0.6;

/// Returns `; did you mean …?` for the known name most like the given one, or nothing.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let likeness =
        |other: &str| strsim::normalized_damerau_levenshtein(&wanted, &other.to_lowercase());
    let best = known
        .into_iter()
        .map(|other| (score(&wanted, other, likeness(other)), other))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, other)) if score >= ALIKE => format!("; did you mean {other}?"),
        _ => String::new(),
    }
}

/// A setting in the wrong section shares its last part with the right one: that says more than
/// how alike the whole paths are.
fn score(wanted: &str, other: &str, likeness: f64) -> f64 {
    let last = |path: &str| path.rsplit_once('.').map(|(_, last)| last.to_owned());
    match (last(wanted), last(other)) {
        (Some(a), Some(b)) if a == b => 1.0 + likeness,
        _ => likeness,
    }
}
