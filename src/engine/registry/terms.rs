//! Sums of metric ids such as `a - b + c`, the only arithmetic ratios and derived metrics know.

/// One summand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// 1 or −1.
    pub sign: i64,
    /// Metric id.
    pub metric: String,
}

/// Parses a sum; a leading sign is allowed.
///
/// # Errors
/// What is wrong, in words.
pub fn parse(text: &str) -> Result<Vec<Term>, String> {
    let spaced = text.replace('+', " + ").replace('-', " - ");
    let mut terms = Vec::new();
    let mut sign = Some(1);
    for token in spaced.split_whitespace() {
        match (token, sign) {
            ("+", None) => sign = Some(1),
            ("-", None) => sign = Some(-1),
            ("-", Some(_)) if terms.is_empty() => sign = Some(-1),
            ("+" | "-", _) => return Err(format!("two signs in a row in `{text}`")),
            (_, None) => return Err(format!("`{token}` follows a metric without a sign")),
            (id, Some(value)) => {
                if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    return Err(format!("`{id}` is not a metric id; only sums are allowed"));
                }
                terms.push(Term { sign: value, metric: id.to_owned() });
                sign = None;
            }
        }
    }
    match (terms.is_empty(), sign) {
        (false, None) => Ok(terms),
        (true, _) => Err("an empty sum".to_owned()),
        (false, Some(_)) => Err(format!("`{text}` ends in a sign")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_parsed_and_nothing_else() {
        let signs: Vec<(i64, String)> = parse("-a + b -c")
            .expect("a sum")
            .into_iter()
            .map(|term| (term.sign, term.metric))
            .collect();
        assert_eq!(signs, [(-1, "a".into()), (1, "b".into()), (-1, "c".into())]);
        for wrong in ["", "a b", "a +", "a + - b", "a * b", "+"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
