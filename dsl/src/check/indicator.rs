//! Windowed functions: their inputs in order, their parameters, their units.

use super::Checker;
use super::call::{Args, Call};
use super::items::whole_number;
use super::value::{Affine, Place, Val, canonical, number};
use crate::ast::{Direction, Expr, ExprKind, Ident, LitUnit, Literal};
use crate::builtin::{Field, Indicator, VolEstimator};
use crate::diagnostic::codes;
use crate::graph::{Arith, Clock, Domain, NodeId, Op, Param, ValueKind};
use crate::lower::Origin;
use crate::resolve::suggest::{did_you_mean, one_of};
use crate::span::Span;
use crate::unit::Unit;

/// Minutes from the open at 09:30 to the close at 16:00.
const REGULAR_SESSION_MINUTES: f64 = 390.0;

/// Words of `estimator = …`.
const ESTIMATORS: [(&str, VolEstimator); 5] = [
    ("close_close", VolEstimator::CloseClose),
    ("parkinson", VolEstimator::Parkinson),
    ("garman_klass", VolEstimator::GarmanKlass),
    ("rogers_satchell", VolEstimator::RogersSatchell),
    ("yang_zhang", VolEstimator::YangZhang),
];

impl Checker<'_> {
    pub(super) fn indicator(
        &mut self,
        call: Call<'_>,
        which: Indicator,
        args: &Args<'_>,
        output: u8,
    ) -> Option<Val> {
        match which {
            Indicator::Highest | Indicator::Lowest if args.since_entry.is_some() => {
                self.since_entry(call, which, args)
            }
            Indicator::Atr | Indicator::RealizedVol => self.of_bars(call, which, args),
            Indicator::Correlation | Indicator::Beta | Indicator::Divergence => {
                self.of_two(call, which, args)
            }
            Indicator::Macd => self.macd(call, args, output),
            Indicator::Bollinger | Indicator::Quantile => self.with_number(call, which, args, output),
            _ => {
                let [series] = self.shape(call, args, 1, 0, &[])?;
                let (v, unit) = self.series(series, call.place, &format!("{}.0", call.key))?;
                let (v, n) = self.span_of(call, args, 1, v)?;
                self.at_least(call, args, 1, n, least(which))?;
                let (unit, affine) = match which {
                    Indicator::Rsi | Indicator::Zscore | Indicator::PercentileRank => {
                        (Unit::NONE, Affine::Free)
                    }
                    Indicator::Stdev | Indicator::Change => (unit, Affine::Change),
                    _ => (unit, v.affine),
                };
                Some(self.windowed(
                    call,
                    which,
                    vec![Param::Count(n)],
                    0,
                    vec![v.id],
                    number(unit),
                    affine,
                ))
            }
        }
    }

    /// The first `series` values; after them a window (a value or `over …`) and `extra` plain values; the named ones known.
    fn shape<'e, const N: usize>(
        &mut self,
        call: Call<'_>,
        args: &Args<'e>,
        series: usize,
        extra: usize,
        named: &[&str],
    ) -> Option<[&'e Expr; N]> {
        let window = usize::from(args.over.is_none());
        let fits = args.values.len() == series + window + extra && args.since_entry.is_none();
        if let Some((name, _)) = args
            .named
            .iter()
            .find(|(n, _)| !named.contains(&n.value.as_str()))
        {
            let message = format!("`{}` has no argument `{}`", call.name.value, name.value);
            return self.wrong_arguments(call, name.span, message);
        }
        match args.values.get(..N).and_then(|v| <[&Expr; N]>::try_from(v).ok()) {
            Some(list) if fits => Some(list),
            _ => self.misfit(call),
        }
    }

    /// The window, by position or as `over …`.
    fn window_literal(&mut self, call: Call<'_>, args: &Args<'_>, index: usize) -> Option<Literal> {
        if let Some(over) = args.over {
            return Some(*over);
        }
        let Some(e) = args.values.get(index) else {
            return self.misfit(call);
        };
        match &e.kind {
            ExprKind::Literal(l) => Some(*l),
            _ => {
                let text = self.text(e.span);
                let message = format!("the window `{text}` is not a written number");
                let help = "write a number such as `14`: a window that changes would discard its warm-up";
                self.error(codes::BAD_CONSTANT, e.span, message, help)
            }
        }
    }

    fn span_of(&mut self, call: Call<'_>, args: &Args<'_>, index: usize, v: Val) -> Option<(Val, u32)> {
        let l = self.window_literal(call, args, index)?;
        self.window(v, &l)
    }

    fn at_least(&mut self, call: Call<'_>, args: &Args<'_>, index: usize, n: u32, least: u32) -> Option<()> {
        if n >= least {
            return Some(());
        }
        let span = args.over.map_or_else(
            || args.values.get(index).map_or(call.e.span, |e| e.span),
            |l| l.span,
        );
        let message = format!("`{}` needs a window of at least {least}", call.name.value);
        self.error(
            codes::BAD_CONSTANT,
            span,
            message,
            format!("write `{least}` or more"),
        )
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one node, each different")]
    fn windowed(
        &mut self,
        call: Call<'_>,
        which: Indicator,
        params: Vec<Param>,
        output: u8,
        inputs: Vec<NodeId>,
        kind: ValueKind,
        affine: Affine,
    ) -> Val {
        let (inputs, clock) = self.builder.align(&inputs);
        let origin = self.origin(call.key, call.e);
        let op = Op::Indicator {
            which,
            params,
            output,
        };
        Val::of(
            self.builder.emit(op, inputs, kind, clock, Domain::Market, origin),
            affine,
        )
    }

    fn macd(&mut self, call: Call<'_>, args: &Args<'_>, output: u8) -> Option<Val> {
        let [series] = self.shape(call, args, 1, 2, &[])?;
        let (v, unit) = self.series(series, call.place, &format!("{}.0", call.key))?;
        let (v, fast) = self.span_of(call, args, 1, v)?;
        let slow = self.count(call, args, 2)?;
        let signal = self.count(call, args, 3)?;
        if fast >= slow {
            let span = args.values.get(1).map_or(call.e.span, |e| e.span);
            let message = format!("the fast window {fast} is not shorter than the slow one {slow}");
            return self.wrong_arguments(call, span, message);
        }
        let params = vec![Param::Count(fast), Param::Count(slow), Param::Count(signal)];
        Some(self.windowed(
            call,
            Indicator::Macd,
            params,
            output,
            vec![v.id],
            number(unit),
            Affine::Change,
        ))
    }

    /// A further count of bars by position.
    fn count(&mut self, call: Call<'_>, args: &Args<'_>, index: usize) -> Option<u32> {
        let e = args.values.get(index)?;
        let n = match &e.kind {
            ExprKind::Literal(l) if matches!(l.unit, LitUnit::None | LitUnit::Bars | LitUnit::Sessions) => {
                whole_number(l.number).filter(|n| (1..=super::window::MAX_WINDOW).contains(n))
            }
            _ => None,
        };
        if n.is_some() {
            return n;
        }
        let text = self.text(e.span);
        let message = format!("`{text}` is not a whole, positive number of bars");
        self.error(
            codes::BAD_CONSTANT,
            e.span,
            message,
            format!("write numbers, such as in `{}`", example(call)),
        )
    }

    /// A written number within a range.
    fn written(&mut self, call: Call<'_>, e: &Expr, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let x = match &e.kind {
            ExprKind::Literal(l) if matches!(l.unit, LitUnit::None | LitUnit::Percent) => Some(canonical(l)),
            _ => None,
        };
        if let Some(x) = x.filter(|x| range.contains(x)) {
            return Some(x);
        }
        let text = self.text(e.span);
        let message = format!(
            "`{text}` is not a number from {} to {}",
            range.start(),
            range.end()
        );
        self.error(
            codes::BAD_CONSTANT,
            e.span,
            message,
            format!("write a number, such as in `{}`", example(call)),
        )
    }

    /// `bollinger(x, n, k)`, `quantile(x, n, q)`
    fn with_number(&mut self, call: Call<'_>, which: Indicator, args: &Args<'_>, output: u8) -> Option<Val> {
        let [series] = self.shape(call, args, 1, 1, &[])?;
        let (v, unit) = self.series(series, call.place, &format!("{}.0", call.key))?;
        let (v, n) = self.span_of(call, args, 1, v)?;
        self.at_least(call, args, 1, n, least(which))?;
        let Some(last) = args.values.last().copied() else {
            return self.misfit(call);
        };
        let range = if which == Indicator::Quantile {
            0.0..=1.0
        } else {
            0.0..=100.0
        };
        let x = self.written(call, last, range)?;
        let params = vec![Param::Count(n), Param::Number(x)];
        Some(self.windowed(call, which, params, output, vec![v.id], number(unit), v.affine))
    }

    /// `correlation`, `beta`, `divergence`: two series on one clock.
    fn of_two(&mut self, call: Call<'_>, which: Indicator, args: &Args<'_>) -> Option<Val> {
        let named: &[&str] = match which {
            Indicator::Correlation => &["returns"],
            Indicator::Divergence => &["min_z"],
            _ => &[],
        };
        let [a, b] = self.shape(call, args, 2, 0, named)?;
        let x = self.series(a, call.place, &format!("{}.0", call.key));
        let y = self.series(b, call.place, &format!("{}.1", call.key));
        let ((x, _), (y, _)) = (x?, y?);
        let l = self.window_literal(call, args, 2)?;
        let (inputs, n) = self.windows(&[x, y], &l)?;
        self.at_least(call, args, 2, n, least(which))?;
        let mut params = vec![Param::Count(n)];
        let named = args.named.first().copied();
        match which {
            Indicator::Correlation => {
                let word = named.map(|(_, e)| self.word(e, &["level", "log"]));
                if let Some(word) = word
                    && word? == "level"
                {
                    params.push(Param::OnLevels);
                }
            }
            Indicator::Divergence => {
                let min_z = named.map_or(Some(0.5), |(_, e)| self.written(call, e, 0.0..=10.0))?;
                params.push(Param::Number(min_z));
            }
            _ => {}
        }
        let kind = if which == Indicator::Divergence {
            ValueKind::Bool
        } else {
            number(Unit::NONE)
        };
        let inputs = inputs.iter().map(|v| v.id).collect();
        Some(self.windowed(call, which, params, 0, inputs, kind, Affine::Free))
    }

    /// `atr` and `realized_vol`: bars of an instrument, in the order (open,) high, low, close.
    fn of_bars(&mut self, call: Call<'_>, which: Indicator, args: &Args<'_>) -> Option<Val> {
        let named: &[&str] = if which == Indicator::RealizedVol {
            &["estimator"]
        } else {
            &[]
        };
        let [of] = self.shape(call, args, 1, 0, named)?;
        let Some(quoted) = self.bars_of(of)? else {
            let text = self.text(of.span);
            let message = format!(
                "`{}` reads whole bars, and `{text}` is one value",
                call.name.value
            );
            return self.wrong_arguments(call, of.span, message);
        };
        let fields: &[Field] = match which {
            Indicator::Atr => &[Field::High, Field::Low, Field::Close],
            _ => &[Field::Open, Field::High, Field::Low, Field::Close],
        };
        let inputs: Vec<NodeId> = fields
            .iter()
            .map(|f| self.price(quoted, *f, of.span).id)
            .collect();
        let first = Val::free(inputs.first().copied()?);
        let (_, n) = self.span_of(call, args, 1, first)?;
        self.at_least(call, args, 1, n, least(which))?;
        let mut params = vec![Param::Count(n)];
        if which == Indicator::RealizedVol {
            let estimator = match args.named.first() {
                None => VolEstimator::CloseClose,
                Some((_, e)) => {
                    let words: Vec<&str> = ESTIMATORS.iter().map(|(w, _)| *w).collect();
                    let word = self.word(e, &words)?;
                    ESTIMATORS.iter().find(|(w, _)| *w == word)?.1
                }
            };
            params.push(Param::Estimator(estimator));
            let vol = self.windowed(call, which, params, 0, inputs, number(Unit::VOL), Affine::Level);
            return Some(self.per_year(call, vol));
        }
        let unit = crate::reference::price_unit(quoted.instrument);
        Some(self.windowed(call, which, params, 0, inputs, number(unit), Affine::Change))
    }

    /// `realized_vol` annualises with 252 bars a year; on intraday bars there are more of them, by the regular session's
    /// 390 minutes.
    fn per_year(&mut self, call: Call<'_>, vol: Val) -> Val {
        let Clock::Minutes(minutes) = self.builder.clock(vol.id) else {
            return vol;
        };
        let bars_per_session = REGULAR_SESSION_MINUTES / f64::from(minutes.max(1));
        let bars = Origin::new(
            format!("{}.bars", call.key),
            format!("sqrt({bars_per_session} bars per session)"),
            call.e.span,
        );
        let scale = self
            .builder
            .number(bars_per_session.sqrt(), number(Unit::NONE), bars);
        let whole = Origin::new(
            format!("{}.per_year", call.key),
            self.expr_text(call.e),
            call.e.span,
        );
        let id = self
            .builder
            .arith(Arith::Mul, vol.id, scale, number(Unit::VOL), whole);
        Val::of(id, Affine::Level)
    }

    /// One of a few words as an argument.
    fn word(&mut self, e: &Expr, words: &[&str]) -> Option<String> {
        let text = match &e.kind {
            ExprKind::Name(n) => n.clone(),
            _ => self.text(e.span),
        };
        let name: Ident = crate::ast::Node::new(text, e.span);
        self.one_of_words(&name, words).map(|w| w.to_owned())
    }

    /// The word, when it is one of those that are known here.
    pub(super) fn one_of_words<'w>(&mut self, name: &Ident, words: &[&'w str]) -> Option<&'w str> {
        if let Some(word) = words.iter().find(|w| **w == name.value) {
            return Some(word);
        }
        let list = one_of(words);
        let help =
            did_you_mean(&name.value, words.iter().copied()).unwrap_or_else(|| format!("write {list}"));
        self.error(
            codes::BAD_WORD,
            name.span,
            format!("`{}` is not one of {list}", name.value),
            help,
        )
    }

    /// `highest(profit, since entry)`
    fn since_entry(&mut self, call: Call<'_>, which: Indicator, args: &Args<'_>) -> Option<Val> {
        let span: Span = args.since_entry.unwrap_or(call.e.span);
        if !matches!(call.place, Place::Position(_)) {
            let message = "`since entry` speaks of an open position, and there is none here";
            let help = "move it to `when` of a `close` or `roll`, or write a window such as `20 sessions`";
            return self.error(codes::WRONG_CONTEXT, span, message, help);
        }
        let ([e], true, None) = (args.values.as_slice(), args.named.is_empty(), args.over) else {
            return self.misfit(call);
        };
        let (v, unit) = self.series_or_value(e, call.place, &format!("{}.0", call.key))?;
        let direction = if which == Indicator::Highest {
            Direction::Above
        } else {
            Direction::Below
        };
        let input = self.builder.at_tick(v.id);
        let origin = self.origin(call.key, call.e);
        let clock = crate::graph::Clock::Tick;
        let op = Op::SinceEntry(direction);
        let id = self
            .builder
            .emit(op, vec![input], number(unit), clock, Domain::Position, origin);
        Some(Val::of(id, v.affine))
    }
}

/// Smallest window that gives a value.
const fn least(which: Indicator) -> u32 {
    match which {
        Indicator::Rsi
        | Indicator::Bollinger
        | Indicator::Stdev
        | Indicator::Zscore
        | Indicator::RealizedVol => 2,
        Indicator::Correlation | Indicator::Beta | Indicator::Divergence => 3,
        _ => 1,
    }
}

fn example(call: Call<'_>) -> &'static str {
    crate::reference::entry(&call.name.value).map_or("", |e| e.example)
}
