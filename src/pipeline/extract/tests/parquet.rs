//! Parquet as a source: every type, lying and cut files, and files damaged byte by byte.

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;

use super::*;

fn file(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("a batch");
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    bytes
}

fn folder(contract: &str, bytes: &[u8]) -> Bench {
    let bench = Bench::new(contract, "{ kind: parquet, path: DIR/in }");
    std::fs::create_dir(bench.path("in")).expect("a folder");
    std::fs::write(bench.path("in/t.parquet"), bytes).expect("a file");
    bench
}

fn arc(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_types_come_exactly_or_are_refused() {
    let day = |days| Date32Array::from(vec![days; 4]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(2)]),
    ]);
    let words: DictionaryArray<Int32Type> = vec!["x", "y", "x", "y"].into_iter().collect();
    let money = Decimal128Array::from(vec![Some(1_250), None, Some(-5), Some(1)]);
    let bytes = file(
        vec![
            ("id", arc(Int32Array::from(vec![1, 2, 3, 4]))),
            ("big", arc(UInt64Array::from(vec![7, u64::MAX, 8, 9]))),
            ("text", arc(StringArray::from(vec![Some("𠮷"), None, Some("b"), Some("c")]))),
            ("raw", arc(BinaryArray::from(vec![&b"ok"[..], b"ok", b"\xb4\xf3", b"ok"]))),
            ("word", arc(words)),
            ("ok", arc(BooleanArray::from(vec![true, false, true, true]))),
            ("fee", arc(money.with_precision_and_scale(12, 2).expect("a type"))),
            ("share", arc(Float64Array::from(vec![0.5, 0.25, 0.5, f64::NAN]))),
            ("small", arc(Float32Array::from(vec![0.1_f32; 4]))),
            ("born", arc(day(7_363))),
            ("wall", arc(TimestampMicrosecondArray::from(vec![1_772_352_000_000_000; 4]))),
            (
                "at",
                arc(TimestampMillisecondArray::from(vec![1_772_323_200_000; 4])
                    .with_timezone("UTC")),
            ),
            ("list", arc(list)),
        ],
        WriterProperties::builder().build(),
    );
    let bench = folder(
        "{ t: { key: [id], columns: { id: int64, big: int64, text: 'text?', raw: text, word: text, \
           ok: bool, fee: 'decimal(12,2)?', share: 'decimal(5,2)', small: text, born: date, \
           wall: timestamp, at: timestamp, list: 'text?' } } }",
        &bytes,
    );
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[("bad_encoding", 1), ("bad_value", 2)]));
    assert_eq!(
        bench.refused("t").await,
        ["bad_encoding raw 3", "bad_value big 2", "bad_value share 4"]
    );
    let columns = "id, big, text, raw, word, ok, fee, share, small, born, wall, at, list";
    assert_eq!(
        bench.current("t", "id", columns).await,
        ["1 7 𠮷 ok x true 12.50 0.50 0.1 1990-02-28 2026-03-01T00:00:00Z 2026-03-01T00:00:00Z \
          [1,null]"]
    );
    let bench = folder("", &bytes);
    assert!(bench.load_as(day_of(1), LoadKind::Nightly).await.is_err(), "no tables are named");
}

fn day_of(number: u32) -> NaiveDate {
    super::day(number)
}

#[tokio::test(flavor = "multi_thread")]
async fn finer_times_than_microseconds_are_refused_not_rounded() {
    let at =
        TimestampNanosecondArray::from(vec![1_772_323_200_000_001_000, 1_772_323_200_000_000_001]);
    let columns = vec![("id", arc(Int64Array::from(vec![1, 2]))), ("at", arc(at))];
    let bytes = file(columns, WriterProperties::builder().build());
    let bench = folder("{ t: { key: [id], columns: { id: int64, at: timestamp } } }", &bytes);
    assert_eq!(bench.night(1).await.remove(0).rejected, counts(&[("bad_value", 1)]));
    assert_eq!(bench.refused("t").await, ["bad_value at 2"]);
}

const CONTRACT: &str =
    "{ t: { key: [id], columns: { id: int64, v: 'text?', n: 'decimal(12,2)?' } } }";

/// A small file with several row groups, pages and a dictionary.
fn sample(compression: Compression) -> Vec<u8> {
    let ids = Int64Array::from_iter_values(0..400);
    let texts: StringArray =
        (0..400).map(|row| (row % 7 > 0).then(|| format!("v{}", row % 13))).collect();
    let amounts = Decimal128Array::from_iter_values((0..400).map(|row| i128::from(row) * 37));
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(150))
        .set_data_page_row_count_limit(40)
        .set_write_batch_size(20);
    file(
        vec![
            ("id", arc(ids)),
            ("v", arc(texts)),
            ("n", arc(amounts.with_precision_and_scale(12, 2).expect("a type"))),
        ],
        properties.build(),
    )
}

async fn refused(bytes: &[u8], told: &str) {
    let bench = folder(CONTRACT, bytes);
    let error = bench.load_as(day_of(1), LoadKind::Nightly).await.expect_err("refused").to_string();
    assert!(error.contains("`t.parquet`") && error.contains(told), "{error}");
    assert_eq!(bench.version("t").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_and_lying_parquet_files_are_refused() {
    let whole = sample(Compression::SNAPPY);
    assert_eq!(folder(CONTRACT, &whole).night(1).await.remove(0).rows_loaded, 400);
    refused(b"", "is empty").await;
    refused(b"id,v\n1,a\n", "cannot be read as Parquet").await;
    refused(&whole[..whole.len() - 1], "cannot be read as Parquet").await;
    refused(&whole[..whole.len() / 2], "cannot be read as Parquet").await;
    // The middle of the file is gone; the footer points where nothing is.
    let hole = [&whole[..200], &whole[whole.len() - 2_000..]].concat();
    refused(&hole, "is damaged").await;
    // A footer that tells of 2^31 rows, or of one too few, where there are 400.
    for told in [&[0x80, 0x80, 0x80, 0x80, 0x10][..], &[0x9e, 0x06]] {
        refused(&lying(&whole, told), "row counts contradict").await;
    }
}

/// The file with the count of its 400 rows, the third member of its footer, told otherwise.
fn lying(bytes: &[u8], told: &[u8]) -> Vec<u8> {
    let end = bytes.len() - 8;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().expect("four bytes"));
    let (rows, footer) = bytes[..end].split_at(end - length as usize);
    // A number of the next member, zigzag 400, and the list of row groups after it.
    let truth = [0x16, 0xa0, 0x06, 0x19];
    let at = footer.windows(4).position(|window| window == truth).expect("the count of rows");
    let footer = [&footer[..=at], told, &footer[at + 3..]].concat();
    let length = u32::try_from(footer.len()).expect("a small footer").to_le_bytes();
    [rows, &footer, &length, b"PAR1"].concat()
}

/// Damages a file at random places: it is read as it is or refused by name, and whoever reads it
/// lives. `CLINICHUB_SEED` replays a run, `CLINICHUB_LONG=1` makes it 10,000 files.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "seed and length are told by the environment")]
async fn damaged_parquet_files_are_errors_and_never_panics() {
    let seed = std::env::var("CLINICHUB_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or(20_261_122);
    let long = std::env::var("CLINICHUB_LONG").as_deref() == Ok("1");
    eprintln!("CLINICHUB_SEED={seed}");
    let mut state = seed | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).expect("64 bits")
    };
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let samples = [sample(Compression::UNCOMPRESSED), sample(Compression::SNAPPY), sample(zstd)];
    let bench = folder(CONTRACT, &samples[0]);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..if long { 10_000 } else { 400 } {
        let mut bytes = samples[random() % samples.len()].clone();
        for _ in 0..=random() % 4 {
            // Half of the damage goes to the footer, where it hurts most.
            let length = bytes.len();
            let at = if random() % 2 == 0 {
                random() % length
            } else {
                length - 1 - random() % (length / 4)
            };
            match random() % 4 {
                0 => bytes[at] = u8::try_from(random() % 256).expect("a byte"),
                1 => bytes[at] ^= 1 << (random() % 8),
                2 => bytes[at] = [0x00, 0x7f, 0x80, 0xff][random() % 4],
                _ => drop(bytes.drain(at..(at + random() % 9).min(length))),
            }
        }
        std::fs::write(bench.path("in/t.parquet"), &bytes).expect("a file");
        match read(&bench).await {
            Ok(_) => taken += 1,
            Err(error) => {
                refused += 1;
                let text = error.to_string();
                let fair =
                    text.contains("`t.parquet`") || matches!(error, ExtractError::Drift { .. });
                assert!(fair, "seed {seed}, round {round}: {text}");
            }
        }
    }
    eprintln!("{taken} read, {refused} refused");
    assert!(refused > taken / 10);
}

/// Reads the table without landing it.
async fn read(bench: &Bench) -> Result<usize, ExtractError> {
    use futures::TryStreamExt;
    let mut source = connect("src", &bench.config, chrono_tz::UTC).await?;
    let relation = TableConfig::default().relation("t", bench.config.kind);
    let found = source.describe(&relation).await;
    let found = found.map_err(|cause| folder::told("src", "t", &cause).expect("a file's fault"))?;
    let contract = &bench.contracts.sources["src"].tables["t"];
    let config = TableConfig::default();
    let plan = Plan {
        source: "src",
        table: "t",
        config: &config,
        contract: Some(contract),
        relation,
        found,
        before: None,
    };
    let options = intake::IntakeOptions {
        stamp: builder::LoadStamp { load_id: "x".into(), extracted_at: 0, load_seq: 0 },
        zone: cell::ZoneTable::new(chrono_tz::UTC),
        selection: selection::Selection::default(),
        ceiling: None,
        known: std::collections::HashMap::new(),
        sealer: None,
    };
    let intake = Intake::new(Arc::new(plan.spec()?), options, intake::TallySlot::default())?;
    let batches: Vec<RecordBatch> = source.open(intake).await?.try_collect().await?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}
