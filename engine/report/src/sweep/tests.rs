use super::belief::moments;
use super::*;

#[test]
fn the_paper_on_deflated_sharpe_ratios_is_met() {
    // Bailey and López de Prado (2014), "A numerical example": five years of 250 days, an annual ratio of 2.5, ratios of the
    // tries that vary by a half a year, skewness -3, kurtosis 10. The paper's 0.1132, 0.9004, 0.9505 and 0.9505.
    let sharpe = 2.5 / 250.0_f64.sqrt();
    let of = |tries, moments| {
        let luck = expected_best(tries, 0.5 / 250.0);
        (luck, probability_of_skill(sharpe, luck, moments, 1250).unwrap())
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 6e-5, "{a} is not {b}");
    let (luck, skill) = of(100, (-3.0, 10.0));
    near(luck, 0.1132);
    near(skill, 0.9004);
    near(of(46, (-3.0, 10.0)).1, 0.9505);
    near(of(88, (0.0, 3.0)).1, 0.9505);
}

#[test]
fn moments_are_those_of_scipy() {
    // numpy 1 and scipy 1: x.mean() / x.std(ddof=1), stats.skew(x), stats.kurtosis(x, fisher=False).
    let found = moments(&[3.0, -1.0, 2.0, -5.0, 4.0, 4.0, -2.0, 1.0]).unwrap();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    near(found.sharpe, 0.234_669_832_040_528_94);
    near(found.skew, -0.628_058_684_438_892);
    near(found.kurtosis, 2.207_883_026_064_844_3);
    assert_eq!(moments(&[2.0, 2.0, 2.0]), None);
    assert_eq!(moments(&[2.0]), None);
}

#[test]
fn a_single_try_needs_no_luck() {
    assert!(expected_best(1, 0.3).abs() < 1e-300);
    assert!(expected_best(7, 0.0).abs() < 1e-300);
}

fn axis(name: &str, values: &[&str], now: &str) -> Axis {
    Axis {
        name: name.to_owned(),
        values: values.iter().map(|v| (*v).to_owned()).collect(),
        now: now.to_owned(),
    }
}

fn figures(pnl: f64, sharpe: f64) -> Figures {
    Figures {
        sessions: 252,
        pnl,
        natural: pnl - 1_000.0,
        mid: pnl + 1_000.0,
        drawdown: 4_000.0,
        drawdown_share: 0.04,
        trades: 10,
        wins: 7,
        sharpe: Some(sharpe / 252.0_f64.sqrt()),
        skew: -1.0,
        kurtosis: 6.0,
    }
}

/// Three deltas by two stops; the last point stopped.
fn sweep() -> Sweep {
    let mut all = Sweep::new(
        "condor",
        vec![
            axis("delta", &["10 delta", "12 delta", "14 delta"], "12 delta"),
            axis("stop", &["100%", "200%"], "100%"),
        ],
    );
    all.data = "a hand-made market".to_owned();
    all.period = ("2023-01-03".to_owned(), "2023-12-29".to_owned());
    let results = [
        (2_000.0, 0.4),
        (8_000.0, 1.6),
        (3_000.0, 0.6),
        (5_000.0, 1.0),
        (-1_500.0, -0.3),
    ];
    for (at, (pnl, sharpe)) in results.into_iter().enumerate() {
        all.points.push(Point {
            at,
            figures: Some(figures(pnl, sharpe)),
            after: None,
            stopped: None,
        });
    }
    all.points.push(Point {
        at: 5,
        figures: None,
        after: None,
        stopped: Some("the settlement value is missing".to_owned()),
    });
    all
}

#[test]
fn points_are_ranked_and_have_neighbours() {
    let all = sweep();
    assert_eq!(all.places(3), [1, 1]);
    let order: Vec<usize> = all.ranked(By::Pnl).iter().map(|r| r.0.at).collect();
    assert_eq!(order, [1, 3, 2, 0, 4]);
    let near: Vec<usize> = all.neighbours(1).iter().map(|p| p.at).collect();
    assert_eq!(near, [0, 3]);
}

#[test]
fn a_screen_says_what_the_best_is_worth() {
    insta::assert_snapshot!(anstyle_free(&text(&sweep(), By::Sharpe)));
}

/// Without styles.
fn anstyle_free(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[test]
fn shards_make_the_sweep_and_nothing_else_does() {
    let all = sweep();
    let shard = |keep: fn(usize) -> bool| Sweep {
        points: all.points.iter().filter(|p| keep(p.at)).cloned().collect(),
        ..all.clone()
    };
    let (even, odd) = (shard(|at| at % 2 == 0), shard(|at| at % 2 == 1));
    assert_eq!(Sweep::joined(vec![odd.clone(), even.clone()]), Ok(all.clone()));
    // A batch system may run a shard twice.
    let twice = vec![odd.clone(), even.clone(), odd.clone()];
    assert_eq!(Sweep::joined(twice), Ok(all.clone()));
    assert_eq!(
        Sweep::joined(vec![odd.clone()]),
        Err(JoinError::Missing { missing: 3, grid: 6 })
    );
    let mut other = even.clone();
    other.hashes.insert("data".to_owned(), "another".to_owned());
    assert!(matches!(
        Sweep::joined(vec![odd.clone(), other]),
        Err(JoinError::Differ(_))
    ));
    let mut changed = odd.clone();
    if let Some(point) = changed.points.first_mut() {
        point.figures = Some(figures(9_999.0, 2.0));
    }
    assert_eq!(Sweep::joined(vec![odd, changed, even]), Err(JoinError::Twice(1)));
    assert_eq!(Sweep::joined(Vec::new()), Err(JoinError::Nothing));
}

#[test]
fn a_document_reads_back_bit_for_bit_and_a_bad_one_is_refused() {
    let all = sweep();
    assert_eq!(Sweep::read(&all.json()), Ok(all.clone()));
    assert!(Sweep::read("{}").is_err());
    let wrong = all.json().replace("\"grid\": 6", "\"grid\": 7");
    assert!(Sweep::read(&wrong).is_err());
    assert_eq!(all.csv().lines().count(), 7);
}
