//! One JSON object, member by member, numbers and nested values in their own text: nothing passes
//! through a float, nothing is lost.

use std::borrow::Cow;

/// Values may nest this deep.
const DEPTH: usize = 128;

/// A member's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// Digits as they are written.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// An object or array as it is written.
    Nested(&'a str),
    /// Text with half a character: an escape such as `\ud800` without its other half.
    Torn,
}

/// The text is not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoObject;

type Found<T> = Result<T, NoObject>;

/// The members of `text` in their order, names repeated as they are.
pub(super) fn members(text: &str) -> Found<Vec<(Cow<'_, str>, Json<'_>)>> {
    let mut scan = Scan { text, at: 0 };
    let mut members = Vec::new();
    scan.blank();
    scan.take(b'{')?;
    scan.blank();
    if scan.peek() == Some(b'}') {
        scan.at += 1;
    } else {
        loop {
            scan.blank();
            // A name with half a character is no column's name.
            let name = scan.string()?.ok_or(NoObject)?;
            scan.blank();
            scan.take(b':')?;
            scan.blank();
            members.push((name, scan.value()?));
            scan.blank();
            match scan.next()? {
                b',' => {}
                b'}' => break,
                _ => return Err(NoObject),
            }
        }
    }
    scan.blank();
    if scan.at == text.len() { Ok(members) } else { Err(NoObject) }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Found<u8> {
        let byte = self.peek().ok_or(NoObject)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, wanted: u8) -> Found<()> {
        if self.next()? == wanted { Ok(()) } else { Err(NoObject) }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Found<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(NoObject);
        }
        self.at += word.len();
        Ok(())
    }

    fn value(&mut self) -> Found<Json<'a>> {
        let start = self.at;
        Ok(match self.peek().ok_or(NoObject)? {
            b'"' => self.string()?.map_or(Json::Torn, Json::Text),
            b'{' | b'[' => {
                self.pass(DEPTH)?;
                Json::Nested(&self.text[start..self.at])
            }
            b't' => self.word("true").map(|()| Json::Bool(true))?,
            b'f' => self.word("false").map(|()| Json::Bool(false))?,
            b'n' => self.word("null").map(|()| Json::Null)?,
            _ => {
                self.number()?;
                Json::Number(&self.text[start..self.at])
            }
        })
    }

    /// Passes over any value.
    fn pass(&mut self, depth: usize) -> Found<()> {
        let depth = depth.checked_sub(1).ok_or(NoObject)?;
        let (open, named) = match self.peek().ok_or(NoObject)? {
            b'{' => (true, true),
            b'[' => (true, false),
            _ => (false, false),
        };
        if !open {
            return self.value().map(|_| ());
        }
        let close = if named { b'}' } else { b']' };
        self.at += 1;
        self.blank();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.blank();
            if named {
                self.string()?;
                self.blank();
                self.take(b':')?;
                self.blank();
            }
            self.pass(depth)?;
            self.blank();
            match self.next()? {
                b',' => {}
                byte if byte == close => return Ok(()),
                _ => return Err(NoObject),
            }
        }
    }

    fn digits(&mut self) -> Found<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(NoObject) }
    }

    fn number(&mut self) -> Found<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// A string; none when an escape in it is half a character.
    fn string(&mut self) -> Found<Option<Cow<'a, str>>> {
        self.take(b'"')?;
        let start = self.at;
        let (mut text, mut from, mut torn) = (None::<String>, start, false);
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    let known = text.get_or_insert_default();
                    known.push_str(&self.text[from..self.at - 1]);
                    match self.escape()? {
                        Some(letter) => known.push(letter),
                        None => torn = true,
                    }
                    from = self.at;
                }
                0..=0x1f => return Err(NoObject),
                _ => {}
            }
        }
        let rest = &self.text[from..self.at - 1];
        Ok(match text {
            _ if torn => None,
            None => Some(Cow::Borrowed(rest)),
            Some(text) => Some(Cow::Owned(text + rest)),
        })
    }

    /// The letter of an escape; none when it is half of one.
    fn escape(&mut self) -> Found<Option<char>> {
        Ok(Some(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unit(),
            _ => return Err(NoObject),
        }))
    }

    fn unit(&mut self) -> Found<Option<char>> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first));
        }
        let before = self.at;
        if self.word("\\u").is_ok() {
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let letter = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(letter));
            }
            self.at = before;
        }
        Ok(None)
    }

    fn hex(&mut self) -> Found<u32> {
        (0..4).try_fold(0, |unit, _| {
            let digit = char::from(self.next()?).to_digit(16).ok_or(NoObject)?;
            Ok(unit * 16 + digit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Json<'_> {
        members(text).expect("an object").remove(0).1
    }

    #[test]
    fn members_keep_their_own_text() {
        let text = r#" { "a" : 9007199254740993, "b":0.10, "c":[1, {"x":2}] ,"d":"\u5927\n" } "#;
        let found = members(text).expect("an object");
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!(found[0].1, Json::Number("9007199254740993"));
        assert_eq!(found[1].1, Json::Number("0.10"));
        assert_eq!(found[2].1, Json::Nested(r#"[1, {"x":2}]"#));
        assert_eq!(found[3].1, Json::Text("大\n".into()));
        assert_eq!(members(r#"{"a":1,"a":2}"#).map(|found| found.len()), Ok(2));
        assert_eq!(first(r#"{"a":"\ud842\udfb7"}"#), Json::Text("𠮷".into()));
        assert_eq!(first(r#"{"a":"x\ud842"}"#), Json::Torn);
        assert_eq!(first(r#"{"a":"\ud842\u0041"}"#), Json::Torn);
        assert_eq!(members("{}"), Ok(vec![]));
    }

    /// Takes what serde_json takes, texts with half a character apart.
    #[test]
    fn agrees_with_serde_json() {
        let seed = r#"{"a":[1,-2.5e+3,true,null],"b":{"c":"x\"\\\u0041y"},"d":"文","e":-0.0}"#;
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        let letters: Vec<char> = r#"{}[]",:\u0eE+-.d truefalsn文"#.chars().collect();
        let mut taken = 0;
        for _ in 0..20_000 {
            let mut text: Vec<char> = seed.chars().collect();
            for _ in 0..=random() % 3 {
                let (at, letter) = (random() % text.len(), letters[random() % letters.len()]);
                match random() % 3 {
                    0 => text[at] = letter,
                    1 => text.insert(at, letter),
                    _ => drop(text.remove(at)),
                }
            }
            let text: String = text.into_iter().collect();
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let theirs = theirs.is_ok_and(|value| value.is_object());
            let mine = members(&text);
            let torn = text.contains("\\ud");
            assert!(mine.is_ok() == theirs || torn, "{text}");
            taken += u64::from(theirs);
        }
        assert!(taken > 2_000, "{taken}");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(members(&deep(100)).is_ok());
        assert_eq!(members(&deep(100_000)), Err(NoObject));
    }
}
