//! Calls: indicators, mathematics, market and account functions, scripts.

use super::Checker;
use super::quoted::Quoted;
use super::value::{Affine, Place, Val, number};
use crate::ast::{Arg, Expr, ExprKind, Ident, ItemKind, Literal, Node, Shift};
use crate::builtin::{BookObs, Indicator, Instrument, Math};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Domain, Op};
use crate::reference::{self, Function};
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;
use crate::unit::Unit;

/// Arguments of a call, sorted by form.
pub(super) struct Args<'e> {
    pub(super) values: Vec<&'e Expr>,
    pub(super) over: Option<&'e Literal>,
    pub(super) named: Vec<(&'e Ident, &'e Expr)>,
    pub(super) since_entry: Option<Span>,
    pub(super) range: Option<(&'e Literal, &'e Literal)>,
    pub(super) under: Option<&'e [Node<Shift>]>,
}

impl<'e> Args<'e> {
    pub(super) fn new(args: &'e [Arg]) -> Self {
        let mut out = Self {
            values: Vec::new(),
            over: None,
            named: Vec::new(),
            since_entry: None,
            range: None,
            under: None,
        };
        for arg in args {
            match arg {
                Arg::Value(e) => out.values.push(e),
                Arg::Named(name, e) => out.named.push((name, e)),
                Arg::Over(l) => out.over = Some(l),
                Arg::SinceEntry(since) => out.since_entry = Some(since.span),
                Arg::Range(lo, hi) => out.range = Some((lo, hi)),
                Arg::Under(shifts) => out.under = Some(shifts),
            }
        }
        out
    }

    /// Whether there are plain values alone, so many of them.
    pub(super) fn plain(&self, count: usize) -> bool {
        self.values.len() == count
            && self.over.is_none()
            && self.named.is_empty()
            && self.since_entry.is_none()
            && self.range.is_none()
            && self.under.is_none()
    }
}

/// A call being checked.
#[derive(Clone, Copy)]
pub(super) struct Call<'e> {
    pub(super) e: &'e Expr,
    pub(super) name: &'e Ident,
    pub(super) place: Place,
    pub(super) key: &'e str,
}

impl<'a> Checker<'a> {
    pub(super) fn call(
        &mut self,
        e: &Expr,
        name: &Ident,
        args: &[Arg],
        place: Place,
        key: &str,
    ) -> Option<Val> {
        let call = Call { e, name, place, key };
        let symbols = self.symbols;
        if let Some(symbol) = symbols.by_name.get(name.value.as_str())
            && matches!(symbol.item.kind, ItemKind::Script(_))
        {
            return self.declared_script(call, args);
        }
        if let Some(function) = self.plugin_function(&name.value) {
            return self.plugin_call(call, args, function, None);
        }
        let sorted = Args::new(args);
        // `profit(core)`, `vega(book)`: sums over positions.
        if let Some(what) =
            reference::book(&name.value).filter(|what| *what != BookObs::Beta || self.of_positions(&sorted))
        {
            return self.book_call(call, what, &sorted);
        }
        match reference::function(&name.value) {
            Some(Function::Indicator(Indicator::Macd | Indicator::Bollinger)) => {
                let entry = reference::entry(&name.value)?;
                let text = self.text(e.span);
                let outputs = if name.value == "macd" {
                    "histogram"
                } else {
                    "upper"
                };
                let message = format!("`{}` has several outputs", name.value);
                let d = Diagnostic::error(codes::PICK_AN_OUTPUT, e.span, message).help(format!(
                    "write `{text}.{outputs}`; the form is `{}`",
                    entry.signature
                ));
                self.fail(d)
            }
            Some(Function::Indicator(which)) => self.indicator(call, which, &sorted, 0),
            Some(Function::Math(which)) => self.math(call, which, &sorted),
            Some(Function::ImpliedVol) => self.implied_vol(call, &sorted),
            Some(Function::ConstantMaturity) => self.constant_maturity(call, &sorted),
            Some(Function::Surprise) => self.surprise(call, &sorted),
            Some(Function::ImpliedForward) => self.implied_forward(call, &sorted),
            Some(Function::Reaction) => self.reaction(call, &sorted),
            Some(Function::Irr) => self.irr(call, &sorted),
            Some(Function::Cushion) => self.cushion(call, &sorted),
            Some(Function::Cost) => self.cost(call, &sorted),
            None if symbols.broken.contains(name.value.as_str()) => None,
            None => {
                let own = symbols
                    .by_name
                    .iter()
                    .filter(|(_, s)| matches!(s.item.kind, ItemKind::Script(_) | ItemKind::UsePlugin(_)));
                let names = reference::FUNCTIONS
                    .iter()
                    .chain(reference::BOOK)
                    .map(|f| f.name)
                    .chain(own.map(|(n, _)| *n));
                let help = did_you_mean(&name.value, names).unwrap_or_else(|| {
                    let n = &name.value;
                    format!("a function of your own is declared with `script {n}(x: number) -> number from \"{n}.rhai\"`")
                });
                let message = format!("there is no function `{}`", name.value);
                self.error(codes::UNKNOWN_FUNCTION, name.span, message, help)
            }
        }
    }

    /// `macd(…).histogram`
    pub(super) fn output(
        &mut self,
        e: &Expr,
        name: &Ident,
        args: &[Arg],
        field: &Ident,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        if let Some(function) = self.plugin_function(&name.value) {
            let call = Call { e, name, place, key };
            return self.plugin_call(call, args, function, Some(field));
        }
        let outputs: &[&str] = match name.value.as_str() {
            "macd" => &["line", "signal", "histogram"],
            "bollinger" => &["upper", "middle", "lower"],
            _ => {
                let message = format!("`{}(…)` is a value and has no `{}`", name.value, field.value);
                let help = "only `macd` and `bollinger` have several outputs";
                return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
            }
        };
        let Some(output) = outputs.iter().position(|o| *o == field.value) else {
            let list = crate::resolve::suggest::one_of(outputs);
            let help = did_you_mean(&field.value, outputs.iter().copied())
                .unwrap_or_else(|| format!("write {list}"));
            let message = format!("`{}` has no output `{}`", name.value, field.value);
            return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
        };
        let which = if name.value == "macd" {
            Indicator::Macd
        } else {
            Indicator::Bollinger
        };
        let call = Call { e, name, place, key };
        self.indicator(call, which, &Args::new(args), u8::try_from(output).unwrap_or(0))
    }

    /// Arguments that do not fit: the signature and an example.
    pub(super) fn wrong_arguments<T>(
        &mut self,
        call: Call<'_>,
        span: Span,
        message: impl Into<String>,
    ) -> Option<T> {
        let help = match reference::entry(&call.name.value) {
            Some(entry) => format!("write `{}`, such as `{}`", entry.signature, entry.example),
            None => "see its declaration".to_owned(),
        };
        self.error(codes::WRONG_ARGUMENTS, span, message, help)
    }

    pub(super) fn misfit<T>(&mut self, call: Call<'_>) -> Option<T> {
        let message = format!("the arguments of `{}` do not fit", call.name.value);
        self.wrong_arguments(call, call.e.span, message)
    }

    /// `beta(core)` is a sum over positions, `beta(SPY.close, SPX.close, 60)` an indicator.
    fn of_positions(&self, args: &Args<'_>) -> bool {
        let one = args.values.first().filter(|_| args.plain(1));
        let Some(ExprKind::Name(name)) = one.map(|e| &e.kind) else {
            return false;
        };
        // A name that nobody has is taken for a structure's.
        let other = reference::instrument(name).is_some() || self.symbols.by_name.contains_key(name.as_str());
        self.book_target(name).is_some() || !other
    }

    fn math(&mut self, call: Call<'_>, which: Math, args: &Args<'_>) -> Option<Val> {
        let Call { e, name, place, key } = call;
        let count = if matches!(which, Math::Min | Math::Max) {
            2
        } else {
            1
        };
        if !args.plain(count) {
            return self.misfit(call);
        }
        if let (Math::Min | Math::Max, [a, b]) = (which, args.values.as_slice()) {
            let [mut x, mut y] = self.both(a, b, place, key)?;
            let unit = self.same_unit((&mut x, a), (&mut y, b), "compare", key)?;
            let (inputs, clock) = self.builder.align(&[x.0.id, y.0.id]);
            let origin = self.origin(key, e);
            let id = self.builder.emit(
                Op::Math(which),
                inputs,
                number(unit),
                clock,
                Domain::Market,
                origin,
            );
            return Some(Val::of(id, x.0.affine.join(y.0.affine)));
        }
        let x = args.values.first()?;
        let (v, unit) = self.quantity(x, place, &format!("{key}.0"))?;
        let result = match which {
            Math::Abs | Math::Min | Math::Max => Some(unit),
            Math::Sqrt => half(unit),
            Math::Ln | Math::Exp => (unit == Unit::NONE).then_some(unit),
        };
        let Some(result) = result else {
            let text = self.text(x.span);
            let help = match which {
                Math::Sqrt => {
                    "take the root of a square, such as a product of two volatilities, or of a ratio"
                        .to_owned()
                }
                _ => format!("take it of a ratio: `{}({text} / …)`", name.value),
            };
            let d = Diagnostic::error(
                codes::WRONG_UNIT,
                x.span,
                format!("`{}` of {unit} has no meaning", name.value),
            )
            .label(format!("this is {unit}"))
            .help(help);
            return self.fail(d);
        };
        let affine = if which == Math::Abs {
            v.affine
        } else {
            Affine::Free
        };
        let (clock, origin) = (self.builder.clock(v.id), self.origin(key, e));
        let id = self.builder.emit(
            Op::Math(which),
            vec![v.id],
            number(result),
            clock,
            Domain::Market,
            origin,
        );
        Some(Val::of(id, affine))
    }

    /// A series for a window: an expression of the market, or a bare instrument, which means its close.
    pub(super) fn series(&mut self, e: &Expr, place: Place, key: &str) -> Option<(Val, Unit)> {
        let (v, unit) = self.series_or_value(e, place, key)?;
        let (domain, clock) = (self.builder.domain(v.id), self.builder.clock(v.id));
        if domain == Domain::Market && clock != Clock::Constant {
            return Some((v, unit));
        }
        let text = self.text(e.span);
        let (message, help) = if clock == Clock::Constant {
            (
                format!("`{text}` never changes, so it has no history"),
                "write a series such as `VIX.close`".to_owned(),
            )
        } else {
            let help = format!("an extreme of it is `highest({text}, since entry)`");
            (format!("`{text}` is not a series of the market"), help)
        };
        self.error(codes::NEEDS_SERIES, e.span, message, help)
    }

    /// As [`Self::series`], for what may also follow a position (`up 15% over …`).
    pub(super) fn series_or_value(&mut self, e: &Expr, place: Place, key: &str) -> Option<(Val, Unit)> {
        if let Some(quoted) = self.bars_of(e)? {
            let v = self.price(quoted, crate::builtin::Field::Close, e.span);
            return Some((v, reference::price_unit(quoted.instrument)));
        }
        self.quantity(e, place, key)
    }

    /// A bare instrument, with its month and bars: `SPX`, `VX[2]`, `SPX @ 5m`. The inner `None`: something else.
    pub(super) fn bars_of(&mut self, e: &Expr) -> Option<Option<Quoted>> {
        match &e.kind {
            ExprKind::Name(name) if reference::instrument(name).is_some() => self.quoted(e).map(Some),
            ExprKind::Index(..) => self.quoted(e).map(Some),
            ExprKind::OnBars(inner, bars)
                if matches!(inner.kind, ExprKind::Name(_) | ExprKind::Index(..)) =>
            {
                match self.bars_of(inner)? {
                    Some(quoted) => Some(Some(Quoted {
                        clock: self.bar_clock(bars)?,
                        ..quoted
                    })),
                    None => Some(None),
                }
            }
            _ => Some(None),
        }
    }
}

/// Instruments with options that can be priced here: European ones that settle in cash. Those of SPY are American.
pub(super) const fn has_options(instrument: Instrument) -> bool {
    matches!(instrument, Instrument::Spx | Instrument::Xsp | Instrument::Vix)
}

/// The unit whose square this is.
fn half(unit: Unit) -> Option<Unit> {
    let Unit { usd, pts, vol, delta } = unit;
    [usd, pts, vol, delta].iter().all(|e| e % 2 == 0).then_some(Unit {
        usd: usd / 2,
        pts: pts / 2,
        vol: vol / 2,
        delta: delta / 2,
    })
}
