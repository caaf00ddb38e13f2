//! Names and fields: what `vix_rsi`, `VIX.close`, `VX[2].price`, `core.dte` or `profit` stand for at a place.

use super::Checker;
use super::value::{Affine, Hand, Place, Val, number};
use crate::ast::{Expr, ExprKind, Ident, ItemKind};
use crate::builtin::{BookObs, Instrument, PositionObs};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Domain, FeedId, Op, StructureId};
use crate::lower::Origin;
use crate::reference;
use crate::resolve::kind_word;
use crate::resolve::suggest::{did_you_mean, one_of};
use crate::span::Span;
use crate::unit::Unit;

impl<'a> Checker<'a> {
    pub(super) fn name(&mut self, name: &str, e: &Expr, place: Place) -> Option<Val> {
        let symbols = self.symbols;
        if let Some(symbol) = symbols.by_name.get(name) {
            return self.declared(symbol.item, symbol.name, e);
        }
        if reference::instrument(name).is_some() {
            let message = format!("`{name}` is an instrument, not a number");
            let help = format!(
                "write `{name}.last` for its newest value, or `{name}.close` for the last daily close"
            );
            return self.error(codes::BARE_INSTRUMENT, e.span, message, help);
        }
        if let Some(v) = self.contextual(name, e, place) {
            return v;
        }
        if reference::EVENTS.iter().any(|(event, _)| *event == name) {
            let message = format!("`{name}` is an event calendar, not a number");
            let help = format!("write `within 1 day before {name}`");
            return self.error(codes::WRONG_KIND_OF_NAME, e.span, message, help);
        }
        if let Some(entry) = reference::FUNCTIONS.iter().find(|f| f.name == name) {
            let message = format!("`{name}` is a function and needs its arguments");
            let help = format!("write `{}`, such as `{}`", entry.signature, entry.example);
            return self.error(codes::WRONG_KIND_OF_NAME, e.span, message, help);
        }
        if symbols.broken.contains(name) {
            return None;
        }
        let help = self.suggestion(name, place);
        self.error(
            codes::UNKNOWN_NAME,
            e.span,
            format!("there is nothing named `{name}`"),
            help,
        )
    }

    /// The nearest names that would fit at a place.
    fn suggestion(&self, name: &str, place: Place) -> String {
        let own = self.symbols.by_name.iter().filter(|(_, s)| {
            matches!(
                s.item.kind,
                ItemKind::Signal(_) | ItemKind::Threshold(_) | ItemKind::Series(_)
            )
        });
        let mut names: Vec<&str> = own.map(|(n, _)| *n).collect();
        names.extend(Instrument::ALL.iter().map(|i| i.name()));
        names.extend(reference::FUNCTIONS.iter().map(|f| f.name));
        match place {
            Place::Market => {}
            Place::Position(_) | Place::Candidate(_) => {
                names.extend(reference::POSITION.iter().chain(reference::BOOK).map(|f| f.name));
            }
            Place::Book | Place::Layer(_) | Place::Overlay => {
                names.extend(reference::BOOK.iter().map(|f| f.name))
            }
        }
        did_you_mean(name, names).unwrap_or_else(|| {
            format!(
                "declare it: `signal {name} = …`, or `threshold {name} = … in …..…` for a number to adjust"
            )
        })
    }

    /// An item of the file as a value.
    fn declared(&mut self, item: &crate::ast::Item, name: &Ident, e: &Expr) -> Option<Val> {
        let text = &name.value;
        let help = match &item.kind {
            ItemKind::Threshold(_) => return self.threshold_index(text).and_then(|i| self.threshold(i)),
            ItemKind::Signal(_) => return self.signals.get(text.as_str()).copied().flatten(),
            ItemKind::Series(_) => return self.feed(text, Clock::Session, e.span),
            ItemKind::Structure(_) => {
                format!("write `{text}.dte`, `vega({text})` or another sum over its positions")
            }
            ItemKind::Event(_) => format!("write `within 1 day before {text}`"),
            ItemKind::Script(_) | ItemKind::UsePlugin(_) => {
                format!("call it with its arguments: `{text}(…)`")
            }
            _ => "an expression speaks of signals, thresholds, series and instruments".to_owned(),
        };
        let what = kind_word(&item.kind);
        let d = Diagnostic::error(
            codes::WRONG_KIND_OF_NAME,
            e.span,
            format!("`{text}` is a {what}, not a number"),
        )
        .also(name.span, format!("declared here as a {what}"))
        .help(help);
        self.fail(d)
    }

    /// A declared feed on a clock.
    pub(super) fn feed(&mut self, name: &str, clock: Clock, span: Span) -> Option<Val> {
        let index = self.feeds.iter().position(|f| f.name == name)?;
        let unit = self.feeds.get(index)?.unit;
        let text = match clock {
            Clock::Tick => format!("{name}.last"),
            Clock::Minutes(n) => format!("{name} @ {n}m"),
            Clock::Session | Clock::Constant => name.to_owned(),
        };
        let id = FeedId(u32::try_from(index).ok()?);
        let origin = Origin::new(text.clone(), text, span);
        Some(Val::free(self.builder.emit(
            Op::Feed(id),
            Vec::new(),
            number(unit),
            clock,
            Domain::Market,
            origin,
        )))
    }

    /// Names whose meaning depends on the place. The outer `None`: not such a name.
    fn contextual(&mut self, name: &str, e: &Expr, place: Place) -> Option<Option<Val>> {
        if name == "votes" {
            return Some(match place {
                Place::Layer(Some((id, _))) => Some(Val::free(id)),
                Place::Layer(None) => {
                    let help = "add `vote CONDITION, CONDITION` to the layer";
                    self.error(
                        codes::WRONG_CONTEXT,
                        e.span,
                        "this layer has no votes to count",
                        help,
                    )
                }
                _ => self.out_of_place(name, e.span, "belongs to a hedge layer that votes"),
            });
        }
        if name == "expected_gain" {
            return Some(match place {
                Place::Overlay => Some(self.source(
                    Op::OverlayGain,
                    Unit::NONE,
                    Clock::Tick,
                    Domain::Candidate,
                    "expected_gain",
                    e.span,
                )),
                _ => self.out_of_place(name, e.span, "belongs to `require` of an overlay"),
            });
        }
        if let Some(obs) = reference::position(name) {
            match place {
                Place::Position(hand) if obs != PositionObs::NetCredit => {
                    return Some(self.of_position(obs, hand, Domain::Position, e.span));
                }
                Place::Candidate(hand)
                    if !matches!(
                        obs,
                        PositionObs::Profit | PositionObs::Loss | PositionObs::DaysHeld
                    ) =>
                {
                    return Some(self.of_position(obs, hand, Domain::Candidate, e.span));
                }
                _ => {}
            }
        }
        if let Some(obs) = reference::book(name)
            && reference::of_account(obs)
        {
            if place == Place::Market {
                return Some(self.out_of_place(
                    name,
                    e.span,
                    "speaks of the account; a signal is a function of the market alone",
                ));
            }
            let unit = reference::book_unit(obs);
            let op = Op::Book { what: obs, of: None };
            return Some(Some(self.source(
                op,
                unit,
                Clock::Tick,
                Domain::Book,
                name,
                e.span,
            )));
        }
        if reference::position(name).is_some() || reference::book(name).is_some() {
            let why = match place {
                Place::Candidate(_) => {
                    "speaks of an open position, and a package about to be ordered has none yet"
                }
                Place::Position(_) if name == "drawdown" || name == "positions" => "speaks of the account",
                Place::Position(_) => "speaks of a package about to be ordered, not of an open position",
                Place::Book => "speaks of one position or package, and there is none here",
                Place::Market => "speaks of positions; a signal is a function of the market alone",
                Place::Layer(_) | Place::Overlay => {
                    "speaks of one position; a hedge sees the sums of a structure"
                }
            };
            return Some(self.out_of_place(name, e.span, why));
        }
        None
    }

    fn out_of_place(&mut self, name: &str, span: Span, why: &str) -> Option<Val> {
        let position = reference::POSITION.iter().find(|e| e.name == name);
        let help = match position.map(|e| e.place) {
            _ if name == "drawdown" => "write `drawdown(book)`".to_owned(),
            Some(reference::Place::Position) if reference::book(name).is_some() => {
                format!(
                    "move it to `when` of a `close` or `roll`, or write `{name}(core)` for a sum over a structure"
                )
            }
            Some(reference::Place::Position) => "move it to `when` of a `close` or `roll` rule".to_owned(),
            Some(reference::Place::Candidate) => "move it to `require`".to_owned(),
            Some(_) if reference::book(name).is_some() => {
                format!(
                    "move it to `require`, `close` or `roll`, or write `{name}(core)` for a sum over a structure"
                )
            }
            Some(_) => "move it to `require`, or to `when` of a `close` or `roll` rule".to_owned(),
            None if name == "votes" => "write it in `active when` of a layer with a `vote` clause".to_owned(),
            None if name == "expected_gain" => "write it in `require` of an `overlay`".to_owned(),
            None if reference::book(name).is_some_and(|b| !reference::of_account(b)) => {
                format!("write `{name}(book)`, or `{name}(core)` of a structure")
            }
            None => "move it to a rule, a hedge or a guard".to_owned(),
        };
        self.error(codes::WRONG_CONTEXT, span, format!("`{name}` {why}"), help)
    }

    /// A node without inputs whose key is its text.
    pub(super) fn source(
        &mut self,
        op: Op,
        unit: Unit,
        clock: Clock,
        domain: Domain,
        text: &str,
        span: Span,
    ) -> Val {
        let origin = Origin::new(text, text, span);
        Val::free(
            self.builder
                .emit(op, Vec::new(), number(unit), clock, domain, origin),
        )
    }

    /// Something about the position or candidate at hand.
    pub(super) fn of_position(
        &mut self,
        obs: PositionObs,
        hand: Hand,
        domain: Domain,
        span: Span,
    ) -> Option<Val> {
        let text = self.text(span);
        if obs == PositionObs::MaxLoss {
            self.bounded(hand.structure, span)?;
        }
        let unit = reference::position_unit(obs, hand.underlying);
        let prefix = if domain == Domain::Candidate {
            "candidate"
        } else {
            "position"
        };
        let origin = Origin::new(format!("{prefix}.{}", text.replace(' ', "_")), text, span);
        let affine = match obs {
            PositionObs::LegStrike(_)
            | PositionObs::LegPrice(_)
            | PositionObs::BreakevenLow
            | PositionObs::BreakevenHigh => Affine::Level,
            _ => Affine::Free,
        };
        let id = self.builder.emit(
            Op::Position(obs),
            Vec::new(),
            number(unit),
            Clock::Tick,
            domain,
            origin,
        );
        Some(Val::of(id, affine))
    }

    /// A structure whose loss is bounded.
    pub(super) fn bounded(&mut self, id: StructureId, span: Span) -> Option<()> {
        let structure = self.structures.get(id.0 as usize)?;
        if structure.defined_risk {
            return Some(());
        }
        let d = Diagnostic::error(
            codes::UNBOUNDED_RISK,
            span,
            format!(
                "the loss of `{}` has no bound, so `max_loss` has no value",
                structure.key
            ),
        )
        .also(
            structure.span,
            "a sold leg here has no bought leg that settles with it",
        )
        .help("use `margin` or `notional`, or buy wings");
        self.fail(d)
    }

    /// A sum over the positions of a structure, or of the whole book.
    pub(super) fn of_book(
        &mut self,
        what: BookObs,
        of: Option<StructureId>,
        word: &str,
        of_word: &str,
        span: Span,
    ) -> Val {
        let text = format!("{word}({of_word})");
        self.source(
            Op::Book { what, of },
            reference::book_unit(what),
            Clock::Tick,
            Domain::Book,
            &text,
            span,
        )
    }

    /// `core` or `book`. The outer `None`: something else.
    pub(super) fn book_target(&self, name: &str) -> Option<Option<Option<StructureId>>> {
        if name == "book" {
            return Some(Some(None));
        }
        match self.symbols.by_name.get(name).map(|s| &s.item.kind) {
            Some(ItemKind::Structure(_)) => Some(self.structure_ids.get(name).copied().flatten().map(Some)),
            _ => None,
        }
    }

    pub(super) fn field(
        &mut self,
        e: &Expr,
        inner: &Expr,
        field: &Ident,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        match &inner.kind {
            ExprKind::Leg(leg) => self.leg_field(e, leg, field, place),
            ExprKind::Call(name, args) => self.output(e, name, args, field, place, key),
            ExprKind::Name(name) if self.book_target(name).is_some() => {
                let Some(what) = reference::book(&field.value).filter(|b| !reference::of_account(*b)) else {
                    let names: Vec<&str> = reference::BOOK
                        .iter()
                        .map(|b| b.name)
                        .filter(|n| *n != "drawdown" || name == "book")
                        .collect();
                    let help = did_you_mean(&field.value, names.iter().copied()).unwrap_or_else(|| {
                        format!("write one of {}", one_of(names.get(3..).unwrap_or_default()))
                    });
                    let message = format!("`{name}` has no `{}`", field.value);
                    return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
                };
                self.book_value(what, name, &field.value, e.span, place)
            }
            ExprKind::Name(name) if self.is_feed(name) => {
                let clock = match field.value.as_str() {
                    "last" | "price" => Clock::Tick,
                    "close" => Clock::Session,
                    _ => {
                        let message = format!("the series `{name}` has one value, not `{}`", field.value);
                        let help =
                            format!("write `{name}` for its daily value or `{name}.last` for the newest");
                        return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
                    }
                };
                self.feed(name, clock, e.span)
            }
            ExprKind::Name(_) | ExprKind::Index(..) => {
                if let ExprKind::Name(name) = &inner.kind
                    && reference::instrument(name).is_none()
                {
                    return self.unknown_owner(name, inner, field, place);
                }
                let quoted = self.quoted(inner)?;
                self.instrument_field(quoted, field, e.span)
            }
            _ => {
                let text = self.text(inner.span);
                let message = format!("`{text}` has no fields");
                let help = "fields belong to instruments (`VIX.close`), legs (`short.delta`), structures (`core.dte`)";
                self.error(codes::UNKNOWN_FIELD, field.span, message, help)
            }
        }
    }

    /// `x.field` where `x` is neither an instrument nor a structure nor a series.
    fn unknown_owner(&mut self, name: &str, inner: &Expr, field: &Ident, place: Place) -> Option<Val> {
        if self.symbols.by_name.contains_key(name) {
            // A signal or threshold: it is a number already.
            self.name(name, inner, place)?;
            let message = format!("`{name}` is a number and has no `{}`", field.value);
            return self.error(
                codes::UNKNOWN_FIELD,
                field.span,
                message,
                format!("write `{name}` alone"),
            );
        }
        let symbols = self.symbols;
        if symbols.broken.contains(name) {
            return None;
        }
        let own = symbols
            .by_name
            .iter()
            .filter(|(_, s)| matches!(s.item.kind, ItemKind::Structure(_) | ItemKind::Series(_)));
        let names = Instrument::ALL
            .iter()
            .map(|i| i.name())
            .chain(own.map(|(n, _)| *n));
        let known: Vec<&str> = Instrument::ALL.iter().map(|i| i.name()).collect();
        let other = format!(
            "other data comes in with `series {} = feed(\"…\")`",
            name.to_lowercase()
        );
        let help = match did_you_mean(name, names) {
            Some(hit) => format!("{hit} {other}"),
            None => format!("instruments are {}; {other}", one_of(&known)),
        };
        self.error(
            codes::UNKNOWN_INSTRUMENT,
            inner.span,
            format!("there is no instrument `{name}`"),
            help,
        )
    }

    pub(super) fn is_feed(&self, name: &str) -> bool {
        matches!(
            self.symbols.by_name.get(name).map(|s| &s.item.kind),
            Some(ItemKind::Series(_))
        )
    }

    /// A sum over positions, wherever the account may be spoken of.
    pub(super) fn book_value(
        &mut self,
        what: BookObs,
        of: &str,
        word: &str,
        span: Span,
        place: Place,
    ) -> Option<Val> {
        if place == Place::Market {
            let message = format!(
                "`{word}` of `{of}` speaks of the account; a signal is a function of the market alone"
            );
            return self.error(
                codes::WRONG_CONTEXT,
                span,
                message,
                "move it to a rule, a hedge or a guard",
            );
        }
        let target = self.book_target(of)??;
        if what == BookObs::Drawdown && target.is_some() {
            let message = "the drawdown is that of the whole account";
            return self.error(codes::WRONG_ARGUMENTS, span, message, "write `drawdown(book)`");
        }
        if let (BookObs::MaxLoss, Some(id)) = (what, target) {
            self.bounded(id, span)?;
        }
        Some(self.of_book(what, target, word, of, span))
    }
}
