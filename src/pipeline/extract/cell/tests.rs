//! Every conversion rule, one case per line.

use chrono_tz::Tz;

use super::*;

fn to(column_type: ColumnType, cell: Cell<'_>) -> Result<String, Reason> {
    in_zone(chrono_tz::Asia::Shanghai, column_type, cell)
}

fn in_zone(zone: Tz, column_type: ColumnType, cell: Cell<'_>) -> Result<String, Reason> {
    let value = convert(cell, column_type, &mut ZoneTable::new(zone))?;
    Ok(value.map_or_else(|| "NULL".to_owned(), |value| value.text(column_type)))
}

fn text(column_type: ColumnType, bytes: &[u8]) -> Result<String, Reason> {
    to(column_type, Cell::Text(bytes))
}

#[test]
fn dates_exist_or_say_why_not() {
    let date = |bytes: &[u8]| text(ColumnType::Date, bytes);
    assert_eq!(date(b"2024-02-29").as_deref(), Ok("2024-02-29"));
    assert_eq!(date(b"1900-01-01").as_deref(), Ok("1900-01-01"));
    assert_eq!(date(b"9999-12-31").as_deref(), Ok("9999-12-31"));
    for zero in [&b"0000-00-00"[..], b"0000-12-19", b"2024-00-00", b"2024-05-00"] {
        assert_eq!(date(zero), Err(Reason::ZeroDate));
    }
    for never in [&b"2024-02-30"[..], b"10999-12-31", b"2023-02-29", b"2024-13-01"] {
        assert_eq!(date(never), Err(Reason::ImpossibleDate));
    }
    for bad in [&b""[..], b"2024/02/01", b"45000", b"2024-2-1", b"2024-02-01 00:00:00", b"24-02-01"]
    {
        assert_eq!(date(bad), Err(Reason::BadValue));
    }
    assert_eq!(date(b"\xb4\xf3"), Err(Reason::BadEncoding));
    assert_eq!(to(ColumnType::Date, Cell::Int(45_000)), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Date, Cell::Never), Err(Reason::ImpossibleDate));
}

#[test]
fn timestamps_are_wall_clock_of_the_zone() {
    let at = |bytes: &[u8]| text(ColumnType::Timestamp, bytes);
    assert_eq!(at(b"2026-03-01 08:00:00").as_deref(), Ok("2026-03-01T00:00:00Z"));
    assert_eq!(at(b"2026-03-01T08:00:00.25").as_deref(), Ok("2026-03-01T00:00:00.250Z"));
    assert_eq!(at(b"2026-03-01 08:00:00.123456000").as_deref(), Ok("2026-03-01T00:00:00.123456Z"));
    for named in [
        &b"2026-03-01T00:00:00Z"[..],
        b"2026-03-01 08:00:00+08:00",
        b"2026-03-01 05:30:00+0530",
        b"2026-02-28T20:30:00.000-03:30",
        b"2026-03-01 09:00:00+09",
    ] {
        assert_eq!(at(named).as_deref(), Ok("2026-03-01T00:00:00Z"));
    }
    assert_eq!(at(b"9999-12-31 23:00:00-08:00"), Err(Reason::ImpossibleDate));
    assert_eq!(at(b"0000-00-00 00:00:00Z"), Err(Reason::ZeroDate));
    assert_eq!(at(b"0000-00-00 00:00:00"), Err(Reason::ZeroDate));
    assert_eq!(at(b"0000-00-00"), Err(Reason::ZeroDate));
    for never in [&b"2024-02-30 01:00:00"[..], b"2024-02-01 24:00:00", b"2016-12-31 23:59:60"] {
        assert_eq!(at(never), Err(Reason::ImpossibleDate));
    }
    for bad in [
        &b"2026-03-01"[..],
        b"2026-03-01 08:00",
        b"2026-03-01 08:00:00 +0800",
        b"2026-03-01 08:00:00z",
        b"2026-03-01 08:00:00ZZ",
        b"2026-03-01 08:00:00+8",
        b"2026-03-01 08:00:00+16:00",
        b"2026-03-01 08:00:00+08:60",
        b"2026-03-01+08:00",
        b"2026-03-01 8:00:00",
        b"2026-03-01 08:00:00.1234567",
        b"2026-03-01 08:00:00.",
        b"1772323200",
    ] {
        assert_eq!(at(bad), Err(Reason::BadValue));
    }
}

#[test]
fn clock_changes_skip_and_repeat() {
    let zone = chrono_tz::Europe::Kyiv;
    let at = |bytes| in_zone(zone, ColumnType::Timestamp, Cell::Text(bytes));
    assert_eq!(at(b"2026-03-29 03:30:00"), Err(Reason::ImpossibleDate));
    assert_eq!(at(b"2026-03-29 04:30:00").as_deref(), Ok("2026-03-29T01:30:00Z"));
    assert_eq!(at(b"2026-10-25 03:30:00").as_deref(), Ok("2026-10-25T00:30:00Z"));
    // Shanghai kept summer time in 1986, not in 1985.
    let shanghai = |bytes| text(ColumnType::Timestamp, bytes);
    assert_eq!(shanghai(b"1986-07-01 09:00:00").as_deref(), Ok("1986-07-01T00:00:00Z"));
    assert_eq!(shanghai(b"1985-07-01 08:00:00").as_deref(), Ok("1985-07-01T00:00:00Z"));
}

#[test]
fn every_remembered_offset_equals_the_zone_itself() {
    use chrono::{NaiveDate, TimeZone};
    for zone in [chrono_tz::Asia::Shanghai, chrono_tz::America::Sao_Paulo, chrono_tz::Europe::Kyiv]
    {
        let mut table = ZoneTable::new(zone);
        let start = NaiveDate::from_ymd_opt(1985, 1, 1).expect("a date");
        for hour in 0..24 * 366 * 8 {
            let local = start.and_time(chrono::NaiveTime::MIN)
                + chrono::Duration::hours(hour)
                + chrono::Duration::minutes(30);
            let written = local.format("%Y-%m-%d %H:%M:%S").to_string();
            let mine = convert(Cell::Text(written.as_bytes()), ColumnType::Timestamp, &mut table);
            let theirs =
                zone.from_local_datetime(&local).earliest().map(|at| at.timestamp_micros());
            match (mine, theirs) {
                (Ok(Some(Value::Timestamp(mine))), Some(theirs)) => assert_eq!(mine, theirs),
                (mine, theirs) => {
                    assert_eq!((mine, theirs), (Err(Reason::ImpossibleDate), None), "{written}");
                }
            }
        }
    }
}

#[test]
fn decimals_are_exact() {
    let money = |bytes: &[u8]| text(ColumnType::Decimal(12, 2), bytes);
    assert_eq!(money(b"-0.05").as_deref(), Ok("-0.05"));
    assert_eq!(money(b"12").as_deref(), Ok("12.00"));
    assert_eq!(money(b"12.5000").as_deref(), Ok("12.50"));
    assert_eq!(money(b"9999999999.99").as_deref(), Ok("9999999999.99"));
    assert_eq!(money(b"10000000000.00"), Err(Reason::DecimalOverflow));
    assert_eq!(money(b"-99999999999999999999999999999999999999999"), Err(Reason::DecimalOverflow));
    for bad in [
        &b"1,234.56"[..],
        b"1.234,56",
        b"12.345",
        b"",
        b".",
        b"-",
        b"1e3",
        b"NaN",
        b" 1",
        b"1 ",
        "１２".as_bytes(),
    ] {
        assert_eq!(money(bad), Err(Reason::BadValue));
    }
    assert_eq!(to(ColumnType::Decimal(12, 2), Cell::Real(12.5)).as_deref(), Ok("12.50"));
    assert_eq!(to(ColumnType::Decimal(12, 2), Cell::Real(0.1 + 0.2)), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Decimal(12, 2), Cell::Real(f64::NAN)), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Decimal(38, 0), Cell::Int(i64::MIN)), Ok(i64::MIN.to_string()));
    let widest = [b'9'; 38];
    assert!(text(ColumnType::Decimal(38, 10), &widest[..28]).is_ok());
    assert_eq!(text(ColumnType::Decimal(38, 10), &widest[..29]), Err(Reason::DecimalOverflow));
}

#[test]
fn integers_text_and_flags() {
    assert_eq!(text(ColumnType::Int64, b"-12").as_deref(), Ok("-12"));
    assert_eq!(text(ColumnType::Int64, b"12.0"), Err(Reason::BadValue));
    assert_eq!(text(ColumnType::Int64, b"9223372036854775808"), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Int64, Cell::Unsigned(u64::MAX)), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Int64, Cell::Real(3.0)), Err(Reason::BadValue));
    assert_eq!(text(ColumnType::Text, "𠮷  ".as_bytes()).as_deref(), Ok("𠮷  "));
    assert_eq!(text(ColumnType::Text, b"\xff"), Err(Reason::BadEncoding));
    assert_eq!(to(ColumnType::Text, Cell::Blob(b"\xb4\xf3")), Err(Reason::BadEncoding));
    assert_eq!(to(ColumnType::Text, Cell::Blob(b"ok")), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Text, Cell::Int(13_800)).as_deref(), Ok("13800"));
    assert_eq!(text(ColumnType::Bool, b"Y"), Err(Reason::BadValue));
    assert_eq!(text(ColumnType::Bool, b"t").as_deref(), Ok("true"));
    assert_eq!(to(ColumnType::Bool, Cell::Blob(b"\x01")).as_deref(), Ok("true"));
    assert_eq!(to(ColumnType::Bool, Cell::Int(2)), Err(Reason::BadValue));
    assert_eq!(to(ColumnType::Text, Cell::Null).as_deref(), Ok("NULL"));
}
