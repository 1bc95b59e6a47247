//! Decimals digit by digit: no float, no rounding.

use super::Reason;

/// Unscaled digits of a plain decimal text such as `-12.50`.
///
/// # Errors
/// `BadValue` for anything but sign, digits and one point, and for digits beyond the scale that
/// are not zero; `DecimalOverflow` when the value needs more digits than `precision`.
pub(super) fn parse(text: &[u8], precision: u8, scale: i8) -> Result<i128, Reason> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &digits[..0]),
    };
    let numeric = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !numeric || whole.len() + fraction.len() == 0 {
        return Err(Reason::BadValue);
    }
    let scale = usize::from(scale.unsigned_abs());
    if fraction.iter().skip(scale).any(|byte| *byte != b'0') {
        return Err(Reason::BadValue);
    }
    let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    let padding = scale.saturating_sub(fraction.len());
    // Up to 18 digits fit 64 bits, which is several times as fast.
    if whole.len() + scale <= 18 {
        let digits = whole.iter().chain(fraction.iter().take(scale));
        let value = digits.fold(0_u64, |value, byte| value * 10 + u64::from(byte - b'0'));
        let value = i128::from(value * 10_u64.pow(padding as u32));
        if value >= limit {
            return Err(Reason::DecimalOverflow);
        }
        return Ok(if negative { -value } else { value });
    }
    let mut value: i128 = 0;
    let places = fraction.iter().take(scale).copied().chain(std::iter::repeat_n(b'0', padding));
    for byte in whole.iter().copied().chain(places) {
        value = value
            .checked_mul(10)
            .map(|shifted| shifted + i128::from(byte - b'0'))
            .filter(|value| *value < limit)
            .ok_or(Reason::DecimalOverflow)?;
    }
    Ok(if negative { -value } else { value })
}

/// The decimal as text with `scale` places.
pub(super) fn print(value: i128, scale: i8) -> String {
    let scale = usize::from(scale.unsigned_abs());
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
