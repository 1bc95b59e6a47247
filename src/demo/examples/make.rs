//! Makes demo sources as after the last night, and copies them into a server when asked:
//! `make DIR PEOPLE DAYS SEED END [SERVER-URL]`.
use std::path::PathBuf;
use std::time::Instant;

use hub_demo::{DemoSpec, advance, generate, load_into};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, people, days, seed, end, rest @ ..] = args.as_slice() else {
        return Err("usage: make DIR PEOPLE DAYS SEED END [SERVER-URL]".into());
    };
    let dir = PathBuf::from(dir);
    let mut spec = DemoSpec::new(end.parse()?);
    spec.people = people.parse()?;
    spec.days = days.parse()?;
    spec.seed = seed.parse()?;
    let start = Instant::now();
    let truth = generate(&dir, &spec, &|_, _| {})?;
    eprintln!("{} persons in {:?}: {:?}", truth.persons, start.elapsed(), truth.tables);
    for night in 2..=spec.nights {
        advance(&dir, night)?;
    }
    if let Some(url) = rest.first() {
        eprintln!("{:?}", load_into(&dir, url).await?);
    }
    Ok(())
}
