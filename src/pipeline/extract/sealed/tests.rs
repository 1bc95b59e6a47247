use super::*;

const ABOUT: About<'static> = About { source: "his", table: "t_jz", reason: "bad_value" };

fn row() -> SealedRow {
    let cells = [
        Cell::Null,
        Cell::Int(-7),
        Cell::Unsigned(u64::MAX),
        Cell::Real(f64::NAN),
        Cell::Bool(true),
        Cell::Text(b"\xc3\x28 Wang"),
        Cell::Blob(&[0, 255]),
        Cell::Civil(Civil { month: 2, ..Civil::default() }),
        Cell::Instant(1),
        Cell::Never,
    ];
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    SealedRow::of(names.into_iter(), &cells)
}

#[test]
fn a_row_opens_as_it_was_and_seals_the_same_again() {
    let sealer = Sealer::new("0123456789abcdef", []);
    let sealed = sealer.seal(ABOUT, &row());
    assert_eq!(sealer.open(ABOUT, &sealed), Ok(row()));
    assert_eq!(Sealer::new("0123456789abcdef", []).seal(ABOUT, &row()), sealed);
    assert!(sealer.sealed_by_present_key(&sealed));
    assert!(!sealed.contains("Wang"), "the text is sealed");
    let plain = STANDARD.decode(&sealed).expect("base64");
    assert!(!plain.windows(4).any(|part| part == b"Wang"), "the bytes are sealed");
}

#[test]
fn other_keys_tables_and_letters_do_not_open_it() {
    let sealer = Sealer::new("0123456789abcdef", []);
    let sealed = sealer.seal(ABOUT, &row());
    let other = Sealer::new("another key of 16", []);
    assert_eq!(other.open(ABOUT, &sealed), Err(SealError::OtherKey));
    assert!(!other.sealed_by_present_key(&sealed));
    for about in [
        About { source: "crm", ..ABOUT },
        About { table: "t_sf", ..ABOUT },
        About { reason: "null_key", ..ABOUT },
        About { source: "hist", table: "_jz", ..ABOUT },
    ] {
        assert_eq!(sealer.open(about, &sealed), Err(SealError::Damaged));
    }
    let bytes = STANDARD.decode(&sealed).expect("base64");
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(sealer.open(ABOUT, &STANDARD.encode(damaged)).is_err(), "byte {at}");
        assert!(sealer.open(ABOUT, &STANDARD.encode(&bytes[..at])).is_err(), "cut at {at}");
    }
    assert_eq!(sealer.open(ABOUT, "no base64!"), Err(SealError::Damaged));
}

#[test]
fn a_rotated_key_still_opens_what_it_sealed() {
    let sealed = Sealer::new("the old key of 2025", []).seal(ABOUT, &row());
    let rotated = Sealer::new("the new key of 2026", ["older", "the old key of 2025"]);
    assert_eq!(rotated.open(ABOUT, &sealed), Ok(row()));
    assert_ne!(rotated.seal(ABOUT, &row()), sealed, "new rows are sealed by the new key");
}

#[test]
fn what_is_shown_cannot_drive_the_terminal() {
    let cell = SealedCell::Text(Bytes(b"\x1b[2Jred\r".to_vec()));
    assert_eq!(cell.to_string(), "\"\\u{1b}[2Jred\\r\"");
    assert_eq!(SealedCell::Blob(Bytes(vec![0xff, 0])).to_string(), "x'ff00'");
}
