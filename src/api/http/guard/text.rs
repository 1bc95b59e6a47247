//! Counts tokens and open brackets without building anything.
//!
//! Not a validating lexer: what it cannot name it counts as one token and leaves to the parser.

use super::super::answer::Refusal;
use super::limit;
use crate::state::Limits;

/// Refuses a text with too many tokens, or brackets nested past what the parser may recurse.
pub(super) fn check(query: &str, limits: &Limits) -> Result<(), Refusal> {
    let mut bytes = Scanner { rest: query.as_bytes() };
    let mut tokens = 0_usize;
    let mut open = 0_usize;
    while let Some(token) = bytes.token() {
        tokens += 1;
        if tokens > limits.tokens {
            return Err(limit("TOO_MANY_TOKENS", "the document is too long"));
        }
        match token {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > limits.nesting {
            return Err(limit("QUERY_TOO_DEEP", "the document is nested too deep"));
        }
    }
    Ok(())
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    /// Consumes one token and returns its first byte.
    fn token(&mut self) -> Option<u8> {
        self.skip_ignored();
        let first = *self.rest.first()?;
        let length = match first {
            b'"' if self.rest.starts_with(b"\"\"\"") => self.block_string(),
            b'"' => self.string(),
            b'.' if self.rest.starts_with(b"...") => 3,
            letter if is_word(letter) => self.word(),
            _ => 1,
        };
        self.rest = &self.rest[length..];
        Some(first)
    }

    fn skip_ignored(&mut self) {
        while let Some(byte) = self.rest.first() {
            let length = match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => 1,
                b'#' => {
                    let end = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                    end.unwrap_or(self.rest.len())
                }
                _ if self.rest.starts_with(b"\xef\xbb\xbf") => 3,
                _ => return,
            };
            self.rest = &self.rest[length..];
        }
    }

    fn word(&self) -> usize {
        self.rest.iter().position(|byte| !is_word(*byte)).unwrap_or(self.rest.len())
    }

    fn string(&self) -> usize {
        let mut at = 1;
        while let Some(byte) = self.rest.get(at) {
            match byte {
                b'\\' => at += 2,
                b'"' => return at + 1,
                b'\n' | b'\r' => return at,
                _ => at += 1,
            }
        }
        self.rest.len()
    }

    fn block_string(&self) -> usize {
        let mut at = 3;
        while at < self.rest.len() {
            let rest = &self.rest[at..];
            if rest.starts_with(b"\\\"\"\"") {
                at += 4;
            } else if rest.starts_with(b"\"\"\"") {
                return at + 3;
            } else {
                at += 1;
            }
        }
        self.rest.len()
    }
}

/// Letters, digits and what numbers are written with.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'+'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(query: &str) -> usize {
        let mut scanner = Scanner { rest: query.as_bytes() };
        std::iter::from_fn(|| scanner.token()).count()
    }

    #[test]
    fn tokens_are_counted_as_graphql_counts_them() {
        assert_eq!(count("{ a(b: \"x } \\\" {\", c: [1, -2]) { ...F } } # { {"), 18);
        let block = "\u{feff}query Q($v: [ID!] = \"\"\"a \\\"\"\" b\"\"\") { a @skip(if: $v) }";
        assert_eq!(count(block), 24);
        assert_eq!(count("\"never closed"), 1);
        assert_eq!(count(",,, \n # only\n"), 0);
        assert_eq!(count("\"ends in a backslash\\"), 1);
    }

    #[test]
    fn brackets_inside_texts_do_not_nest() {
        let limits = Limits::default();
        assert!(check(&format!("{{ a(b: \"{}\") }}", "{".repeat(100)), &limits).is_ok());
        assert!(check(&"{".repeat(65), &limits).is_err());
        assert!(check(&format!("{{a(b:{}", "[".repeat(50_000)), &limits).is_err());
        assert!(check(&"a ".repeat(2_001), &limits).is_err());
        assert!(check(&",".repeat(200_000), &limits).is_ok());
    }
}
