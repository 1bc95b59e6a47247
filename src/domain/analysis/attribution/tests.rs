//! Published credits, and every model against its definition on random paths.

use num_traits::ToPrimitive;
use proptest::prelude::*;

use super::*;

const MODELS: [Model; 9] = [
    Model::TimeDecay,
    Model::First,
    Model::Last,
    Model::Linear,
    Model::U,
    Model::J,
    Model::InverseJ,
    Model::Markov,
    Model::Shapley,
];

fn dec(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn path(text: &str, conversions: i64, value: i64) -> Path {
    Path {
        channels: text.split('>').map(str::to_owned).collect(),
        days: Vec::new(),
        conversions: conversions.into(),
        value: value.into(),
        lost: Decimal::ZERO,
    }
}

fn credits(text: &str, model: Model) -> Vec<String> {
    let credits = attribute(&[path(text, 1, 100)], model).expect("credits");
    credits.values().map(|it| it.value.to_string()).collect()
}

/// The paths of the markovattribution project.
#[test]
fn markov_gives_the_published_credits() {
    let paths = [path("C1>C2>C3", 1, 1_000), path("C1", 0, 0), path("C2>C3", 0, 0)];
    let got = attribute(&paths, Model::Markov).expect("credits");
    let wanted = [("C1", "0.5", "0.2", 200), ("C2", "1", "0.4", 400), ("C3", "1", "0.4", 400)];
    for (channel, removal, conversions, value) in wanted {
        let credit = Credit {
            conversions: dec(conversions),
            value: value.into(),
            conversions_rounded: dec(conversions),
            value_rounded: value.into(),
            removal: Some(dec(removal)),
        };
        assert_eq!(got[channel], credit, "{channel}");
    }
}

/// The shapes of Mixpanel's documentation.
#[test]
fn positions_weigh_as_published() {
    assert_eq!(credits("a>b", Model::U), ["50", "50"]);
    assert_eq!(credits("a>b>c>d>e>f", Model::U), ["40", "5", "5", "5", "5", "40"]);
    assert_eq!(credits("a>b", Model::J), ["25", "75"]);
    assert_eq!(credits("a>b>c>d", Model::J), ["20", "10", "10", "60"]);
    assert_eq!(credits("a>b", Model::InverseJ), ["75", "25"]);
    assert_eq!(credits("a>b>c>d", Model::InverseJ), ["60", "10", "10", "20"]);
    assert_eq!(credits("a>b>c>d", Model::First), ["100", "0", "0", "0"]);
    assert_eq!(credits("a>b>c>d", Model::Last), ["0", "0", "0", "100"]);
    assert_eq!(credits("a>b>c>d", Model::Linear), ["25", "25", "25", "25"]);
    for model in MODELS {
        assert_eq!(credits("a", model), ["100"], "{model:?}");
    }
}

#[test]
fn a_repeated_channel_gathers_its_touches() {
    assert_eq!(credits("a>b>a", Model::Linear)[0], "66.66666666666666666667");
    assert_eq!(credits("a>b>a", Model::U), ["80", "20"]);
    assert_eq!(credits("a>b>a", Model::Shapley), ["50", "50"]);
}

#[test]
fn nothing_converted_credits_nothing() {
    for model in MODELS {
        let credits = attribute(&[path("a>b", 0, 0)], model).expect("credits");
        assert!(credits.values().all(|it| it.conversions.is_zero()), "{model:?}");
    }
    assert!(attribute::<String>(&[], Model::Markov).expect("credits").is_empty());
}

#[test]
fn time_decay_halves_every_week() {
    let aged = Path { days: vec![14, 7, 0], ..path("a>b>c", 7, 700) };
    let credits = attribute(&[aged], Model::TimeDecay).expect("credits");
    let rounded: Vec<Decimal> = credits.values().map(|it| it.value_rounded).collect();
    assert_eq!(rounded, [dec("100"), dec("200"), dec("400")]);
}

#[test]
fn participation_counts_a_channel_once_per_path() {
    let paths = [path("a>b>a", 2, 50), path("b", 1, 7)];
    let credits = attribute(&paths, Model::Participation).expect("credits");
    let shown: Vec<(Decimal, Decimal)> =
        credits.values().map(|it| (it.conversions, it.value)).collect();
    assert_eq!(shown, [(dec("2"), dec("50")), (dec("3"), dec("57"))]);
}

#[test]
fn bad_paths_are_refused() {
    let empty = Path { channels: vec![], ..path("a", 1, 1) };
    assert_eq!(attribute(&[empty], Model::First), Err(Error::EmptyPath { row: 0 }));
    let negative = Error::NegativeCount { row: 1, count: dec("-1") };
    assert_eq!(attribute(&[path("a", 1, 1), path("b", -1, 1)], Model::First), Err(negative));
}

/// Conversions of the paths whose channels all lie in `subset`, a bit per channel.
fn worth(paths: &[Path], subset: u32) -> f64 {
    let inside = |path: &&Path| {
        path.channels.iter().all(|name| subset & (1 << (name.as_bytes()[0] - b'a')) != 0)
    };
    paths.iter().filter(inside).map(|it| it.conversions.to_f64().expect("a number")).sum()
}

/// The Shapley value as the sum over subsets of its definition.
fn shapley_by_subsets(paths: &[Path], channels: u32, channel: u32) -> f64 {
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    (0..1u32 << channels)
        .filter(|subset| subset & (1 << channel) == 0)
        .map(|subset| {
            let size = subset.count_ones();
            let weight = factorial(size) * factorial(channels - size - 1) / factorial(channels);
            weight * (worth(paths, subset | (1 << channel)) - worth(paths, subset))
        })
        .sum()
}

/// P(conversion) by walking the chain for very long, `without` one channel.
fn chance_by_walking(paths: &[Path], without: Option<&str>) -> f64 {
    let walks = |path: &Path| path.conversions.to_f64().expect("a number").max(1.0);
    let mut flow: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for path in paths {
        let end = if path.conversions.is_zero() { "null" } else { "conversion" };
        let names = path.channels.iter().map(String::as_str);
        let states: Vec<&str> =
            std::iter::once("start").chain(names).chain(std::iter::once(end)).collect();
        for pair in states.windows(2) {
            *flow.entry(pair[0]).or_default().entry(pair[1]).or_default() += walks(path);
        }
    }
    let mut at = BTreeMap::from([("start", 1.0)]);
    let mut converted = 0.0;
    for _ in 0..3_000 {
        let mut next = BTreeMap::new();
        for (state, mass) in at {
            let Some(out) = flow.get(state) else { continue };
            let total: f64 = out.values().sum();
            for (to, count) in out.iter().filter(|it| Some(*it.0) != without) {
                *next.entry(*to).or_insert(0.0) += mass * count / total;
            }
        }
        converted += next.remove("conversion").unwrap_or(0.0);
        at = next;
    }
    converted
}

prop_compose! {
    fn journeys()(rows in prop::collection::vec(
        (prop::collection::vec(0u8..5, 1..6), 0i64..4, 0i64..1_000), 1..8)) -> Vec<Path> {
        rows.into_iter().map(|(touches, conversions, value)| Path {
            channels: touches.iter().map(|it| char::from(b'a' + it).to_string()).collect(),
            days: touches.iter().map(|it| 5 * u32::from(*it)).collect(),
            ..path("a", conversions, if conversions == 0 { 0 } else { value })
        }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn credits_add_up(paths in journeys()) {
        let conversions: Decimal = paths.iter().map(|it| it.conversions).sum();
        let value: Decimal = paths.iter().map(|it| it.value).sum();
        for model in MODELS {
            let credits = attribute(&paths, model).expect("credits");
            let got: Decimal = credits.values().map(|it| it.conversions).sum();
            prop_assert!((got - conversions).abs() < Decimal::new(1, 15), "{model:?}");
            let got: Decimal = credits.values().map(|it| it.value).sum();
            prop_assert!((got - value).abs() < Decimal::new(1, 15), "{model:?}");
            let got: Decimal = credits.values().map(|it| it.conversions_rounded).sum();
            prop_assert_eq!(got, conversions, "{:?}", model);
            let got: Decimal = credits.values().map(|it| it.value_rounded).sum();
            prop_assert_eq!(got, value, "{:?}", model);
        }
    }

    #[test]
    fn shapley_is_the_sum_over_subsets(paths in journeys()) {
        for (channel, credit) in attribute(&paths, Model::Shapley).expect("credits") {
            let wanted = shapley_by_subsets(&paths, 5, u32::from(channel.as_bytes()[0] - b'a'));
            let got = credit.conversions.to_f64().expect("a number");
            prop_assert!((got - wanted).abs() < 1e-9, "{channel}: {got} {wanted}");
        }
    }

    #[test]
    fn removal_is_what_walking_loses(paths in journeys()) {
        let all = chance_by_walking(&paths, None);
        prop_assume!(all > 0.0);
        for (channel, credit) in attribute(&paths, Model::Markov).expect("credits") {
            let wanted = 1.0 - chance_by_walking(&paths, Some(&channel)) / all;
            let got = credit.removal.and_then(|it| it.to_f64()).expect("a number");
            prop_assert!((got - wanted).abs() < 1e-6, "{channel}: {got} {wanted}");
        }
    }
}
