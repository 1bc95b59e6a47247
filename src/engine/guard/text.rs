//! Bounds on the text of a statement, before it is parsed.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::sql_error::{SqlError, SqlErrorKind};

/// Longest statement in bytes.
const BYTES: usize = 16 * 1024;
/// Most operators (arithmetic, comparisons, AND, OR, set operations, CASE branches) in one
/// statement. Planners recurse once per operator of a chain.
const OPERATORS: usize = 500;

/// Refuses texts that are too long or hold too long chains.
pub(crate) fn bound(sql: &str) -> Result<(), SqlError> {
    let too_large = |what: String| SqlError::new(SqlErrorKind::TooLarge, what);
    if sql.len() > BYTES {
        return Err(too_large(format!("the statement is longer than {BYTES} bytes")));
    }
    if sql.contains('\0') {
        return Err(SqlError::new(SqlErrorKind::Invalid, "the statement holds a NUL character"));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize()
        .map_err(|error| SqlError::new(SqlErrorKind::Invalid, error.to_string()))?;
    if tokens.iter().any(|token| matches!(token, Token::Placeholder(_))) {
        return Err(SqlError::new(SqlErrorKind::Invalid, "parameters such as `$1` have no value")
            .with_hint("write the value into the statement"));
    }
    let operators = tokens.iter().filter(|token| is_operator(token)).count();
    if operators > OPERATORS {
        let what = format!("the statement has more than {OPERATORS} operators");
        return Err(too_large(what).with_hint("use `in (…)` for long lists of values"));
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::XOR
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::IS
                | Keyword::BETWEEN
                | Keyword::COLLATE
        ),
        Token::EOF
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::Whitespace(_)
        | Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SemiColon => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_chains_are_refused_and_long_lists_are_not() {
        let chain = |op: &str, count: usize| format!("select 1{}", format!("{op}1").repeat(count));
        assert!(bound(&chain("+", 499)).is_ok());
        for (op, count) in [("+", 1_000), (" or ", 2_000), ("::int+", 600)] {
            let error = bound(&chain(op, count)).expect_err(op);
            assert_eq!(error.kind(), SqlErrorKind::TooLarge);
        }
        let unions = format!("select 1{}", " union all select 1".repeat(600));
        assert!(bound(&unions).is_err());
        assert!(bound(&format!("select 1 in ({}1)", "1,".repeat(5_000))).is_ok());
        assert!(bound(&"x".repeat(20_000)).is_err());
        assert!(bound("select '\0'").is_err());
    }
}
