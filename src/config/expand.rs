//! Replaces `${NAME}` and `${file:PATH}` in the configuration text, line by line, so that later
//! errors still name the right line. Values arrive as quoted YAML scalars and cannot change the
//! structure of the file.

/// A reference that could not be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) line: u64,
    pub(super) what: String,
}

pub(super) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Missing> {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let line_number = index as u64 + 1;
        if line.trim_start().starts_with('#') {
            out.push_str(line);
            continue;
        }
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else {
                let what = "`${` without `}`".to_owned();
                return Err(Missing { line: line_number, what });
            };
            let value = look_up(name, env).map_err(|what| Missing { line: line_number, what })?;
            out.push_str(before);
            out.push_str(&quoted(&value, before));
            rest = tail;
        }
        out.push_str(rest);
    }
    Ok(out)
}

fn look_up(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    if let Some(path) = name.strip_prefix("file:") {
        return std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|_| format!("cannot read the file of `${{{name}}}`"));
    }
    env(name).ok_or_else(|| format!("environment variable `{name}` is not set"))
}

/// `value` as a YAML scalar: escaped where the reference stands inside double quotes, a quoted
/// scalar of its own everywhere else.
fn quoted(value: &str, before: &str) -> String {
    let literal = serde_json::Value::from(value).to_string();
    let inside = before.matches('"').count() % 2 == 1;
    if inside { literal[1..literal.len() - 1].to_owned() } else { literal }
}

/// Parser messages continue with a drawing of the text, which may hold a secret: keep line one.
pub(super) fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// Line of the first key named `key`, 0 when it is not found.
pub(super) fn line_of_key(text: &str, key: &str) -> u64 {
    let found = text.lines().position(|line| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    found.map_or(0, |index| index as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        (name == "URL").then(|| "postgres://u:p@h/db?a=\"b\": #c".to_owned())
    }

    #[test]
    fn a_value_cannot_break_out_of_its_scalar() {
        #[derive(serde::Deserialize)]
        struct One {
            url: String,
        }
        for text in ["url: ${URL}\n", "url: \"${URL}\"\n"] {
            let one: One =
                serde_saphyr::from_str(&expand(text, &env).expect("expanded")).expect("parsed");
            assert_eq!(Some(one.url), env("URL"));
        }
    }

    #[test]
    fn a_missing_name_is_told_with_its_line() {
        let missing = expand("a: 1\nb: ${NOPE}\n", &env).expect_err("missing");
        assert_eq!(missing.line, 2);
        assert_eq!(missing.what, "environment variable `NOPE` is not set");
    }
}
