//! PostgreSQL's binary form of `numeric`: base 10,000 digits from the highest place down.

/// A number as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeric<'a> {
    /// Power of 10,000 of the first digit.
    weight: i32,
    sign: u16,
    /// Decimal places it is shown with.
    places: usize,
    /// Two bytes each, highest first.
    digits: &'a [u8],
}

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const POSITIVE_INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
/// Digits whose value surely fits 128 bits.
const MOST_DIGITS: usize = 9;

impl<'a> Numeric<'a> {
    /// Reads the form; none when the bytes are none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, digits) = bytes.split_at_checked(8)?;
        let short = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let count = usize::from(short(0));
        let weight = i32::from(short(2) as i16);
        let whole = digits.len() == count * 2;
        whole.then(|| Self { weight, sign: short(4), places: usize::from(short(6)), digits })
    }

    fn digits(&self) -> impl Iterator<Item = u16> + 'a {
        self.digits.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// The unscaled value at `scale` places; none when it is no number, needs more places than
    /// that and would have to be rounded, has more than `precision` digits, or is so long that
    /// it takes a closer look.
    pub(super) fn units(&self, precision: u8, scale: i8) -> Option<i128> {
        let count = self.digits.len() / 2;
        if self.sign & !NEGATIVE != 0 || count > MOST_DIGITS {
            return None;
        }
        if count == 0 {
            return Some(0);
        }
        // Four digits of 10,000 are below 10^16, which spares the common case 128-bit sums.
        let value = if count <= 4 {
            i128::from(self.digits().fold(0_u64, |sum, digit| sum * 10_000 + u64::from(digit)))
        } else {
            self.digits().fold(0_i128, |sum, digit| sum * 10_000 + i128::from(digit))
        };
        let last = 4 * (self.weight - count as i32 + 1);
        let shift = last + i32::from(scale);
        let power = 10_i128.checked_pow(shift.unsigned_abs())?;
        let units = if shift >= 0 {
            value.checked_mul(power)?
        } else if value % power == 0 {
            value / power
        } else {
            return None;
        };
        let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
        let fits = units < limit;
        fits.then_some(if self.sign == NEGATIVE { -units } else { units })
    }

    /// The number as the server itself writes it.
    pub(super) fn text(&self) -> String {
        match self.sign {
            NAN => return "NaN".to_owned(),
            POSITIVE_INFINITY => return "Infinity".to_owned(),
            NEGATIVE_INFINITY => return "-Infinity".to_owned(),
            _ => {}
        }
        let digits: Vec<u16> = self.digits().collect();
        let digit = |power: i32| {
            let place = usize::try_from(self.weight - power).ok();
            place.and_then(|place| digits.get(place)).copied().unwrap_or(0)
        };
        let mut text = String::from(if self.sign == NEGATIVE { "-" } else { "" });
        if self.weight < 0 {
            text.push('0');
        }
        for power in (0..=self.weight).rev() {
            let part = digit(power);
            text.push_str(&if power == self.weight {
                part.to_string()
            } else {
                format!("{part:04}")
            });
        }
        if self.places > 0 {
            let groups = self.places.div_ceil(4) as i32;
            let fraction: String =
                (1..=groups).map(|group| format!("{:04}", digit(-group))).collect();
            text.push('.');
            text.push_str(&fraction[..self.places]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(weight: i16, sign: u16, places: u16, digits: &[u16]) -> Vec<u8> {
        let head = [digits.len() as u16, weight as u16, sign, places];
        head.iter().chain(digits).flat_map(|short| short.to_be_bytes()).collect()
    }

    #[test]
    fn numbers_are_read_and_written() {
        for (bytes, text, units) in [
            (wire(0, 0, 2, &[12, 5_000]), "12.50", Some(1_250)),
            (wire(0, NEGATIVE, 2, &[12, 5_000]), "-12.50", Some(-1_250)),
            (wire(0, 0, 0, &[]), "0", Some(0)),
            (wire(0, 0, 3, &[]), "0.000", Some(0)),
            (wire(-1, 0, 4, &[9]), "0.0009", None),
            (wire(-1, 0, 2, &[900]), "0.09", Some(9)),
            (wire(1, 0, 0, &[3]), "30000", Some(3_000_000)),
            (wire(1, 0, 1, &[1, 2, 3_000]), "10002.3", Some(1_000_230)),
            (wire(-2, 0, 8, &[1]), "0.00000001", None),
            (wire(2, 0, 0, &[100]), "10000000000", None),
            (wire(0, NAN, 0, &[]), "NaN", None),
            (wire(0, POSITIVE_INFINITY, 0, &[]), "Infinity", None),
            (wire(0, NEGATIVE_INFINITY, 0, &[]), "-Infinity", None),
        ] {
            let number = Numeric::read(&bytes).expect("a number");
            assert_eq!((number.text().as_str(), number.units(12, 2)), (text, units));
        }
        assert!(Numeric::read(&[0; 7]).is_none());
        assert!(Numeric::read(&wire(0, 0, 0, &[1])[..9]).is_none());
    }
}
