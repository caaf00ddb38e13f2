//! Random trees that have a text: everything the grammar can say, and nothing that it cannot.

use alula_dsl::ast::Strategy as Strategy_;
use alula_dsl::ast::{
    Allow, Amount, Anchor, Arg, BinaryOp, Conflict, Crossing, Direction, EventDecl, EventSide,
    ExpirySelector, Expr, ExprKind, File, Guard, GuardAction, GuardRule, Hedge, HedgeClause, Ident, Item,
    ItemKind, Layer, LayerClause, LegClause, LegRef, LimitPrice, LitUnit, Literal, MapOf, Node, OnUnknown,
    Overlay, OverlayClause, PluginFunction, PluginParam, Policy, Right, RollStrikes, RollTarget, Rule,
    Script, Series, Setting, Shape, Shift, Side, Signal, SizeExpr, StrikeSelector, Structure, Subaccount,
    SubaccountClause, Threshold, UnaryOp, UsePlugin,
};
use alula_dsl::span::Span;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn node<T>(value: T) -> Node<T> {
    Node::new(value, Span::default())
}

/// Names, many of which mean something elsewhere.
fn word() -> impl Strategy<Value = String> {
    select(vec![
        "a",
        "core",
        "vix_rsi",
        "VIX",
        "delta",
        "vol",
        "credit",
        "net",
        "mid",
        "market",
        "votes",
        "target",
        "scale",
        "step",
        "put",
        "call",
        "same",
        "tested",
        "m",
        "d",
        "x",
        "hold",
        "month",
        "capital",
        "alula",
        "dte",
        "lots",
        "_x9",
        "feed",
        "recentred",
        "act",
        "block",
    ])
    .prop_map(str::to_owned)
}

fn ident() -> impl Strategy<Value = Ident> {
    word().prop_map(node)
}

fn string() -> impl Strategy<Value = Node<String>> {
    "[a-z \"\\\\/{(–é]{0,12}".prop_map(node)
}

fn doc() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "[ a-z/\"{]{0,8}[a-z](\n[a-z]{0,3}){0,2}"]
}

fn unit() -> impl Strategy<Value = LitUnit> {
    use LitUnit::*;
    select(vec![
        None, Percent, Bps, Usd, Vol, Pts, Delta, Sd, Dte, Lots, Positions, Minutes, Hours, Days, Sessions,
        Bars, Ticks,
    ])
}

/// A number as a text would give it.
fn number(signed: bool) -> impl Strategy<Value = Literal> {
    (
        prop_oneof![0..20_u64, 0..2_000_000_000_u64],
        0..4_u8,
        0..3_u8,
        unit(),
    )
        .prop_map(move |(digits, decimals, sign, unit)| {
            let mut text = format!("{digits:0>width$}", width = usize::from(decimals) + 1);
            if decimals > 0 {
                text.insert(text.len() - usize::from(decimals), '.');
            }
            let number: f64 = text.parse().expect("digits");
            let minus = signed && sign == 1;
            Literal {
                number: if minus { -number } else { number },
                decimals,
                unit,
                plus: signed && sign == 2,
                span: Span::default(),
            }
        })
}

fn literal() -> impl Strategy<Value = Literal> {
    number(true)
}

/// A count without unit and sign.
fn count() -> impl Strategy<Value = Literal> {
    number(false).prop_map(|l| Literal {
        unit: LitUnit::None,
        ..l
    })
}

fn share(lo: &mut Literal, hi: &Literal) {
    if lo.unit == LitUnit::None && hi.unit != LitUnit::Usd {
        lo.unit = hi.unit;
    }
}

fn literal_range() -> impl Strategy<Value = (Literal, Literal)> {
    (literal(), literal()).prop_map(|(mut lo, hi)| {
        share(&mut lo, &hi);
        (lo, hi)
    })
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        literal().prop_map(Amount::Literal),
        ident().prop_map(Amount::Name)
    ]
}

fn amount_range() -> impl Strategy<Value = (Amount, Amount)> {
    (amount(), amount()).prop_map(|(mut lo, hi)| {
        if let (Amount::Literal(lo), Amount::Literal(hi)) = (&mut lo, &hi) {
            share(lo, hi);
        }
        (lo, hi)
    })
}

fn side() -> impl Strategy<Value = Side> {
    select(vec![Side::Long, Side::Short])
}

fn right() -> impl Strategy<Value = Right> {
    select(vec![Right::Put, Right::Call])
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::Above, Direction::Below])
}

fn leg(named: bool) -> impl Strategy<Value = LegRef> {
    (side(), option::of((right(), option::of(ident())))).prop_map(move |(side, rest)| {
        let (right, name) = rest.map_or((None, None), |(r, n)| (Some(r), n.filter(|_| named)));
        LegRef {
            side,
            right,
            name,
            span: Span::default(),
        }
    })
}

fn make(kind: ExprKind) -> Expr {
    Expr {
        kind,
        span: Span::default(),
    }
}

fn op() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::*;
    select(vec![
        Add,
        Sub,
        Mul,
        Div,
        Of,
        Lt,
        Le,
        Gt,
        Ge,
        Eq,
        Ne,
        Above,
        Below,
        CrossesAbove,
        CrossesBelow,
        And,
        Or,
    ])
}

fn leaf() -> impl Strategy<Value = Expr> {
    let event = select(vec![EventSide::Before, EventSide::After, EventSide::Of]);
    prop_oneof![
        4 => word().prop_map(ExprKind::Name),
        3 => literal().prop_map(ExprKind::Literal),
        1 => Just(ExprKind::Name("net_credit".to_owned())),
        1 => string().prop_map(|s| ExprKind::Text(s.value)),
        1 => leg(false).prop_map(|l| ExprKind::Leg(Box::new(l))),
        1 => (leg(true), ident()).prop_map(|(l, f)| ExprKind::Field(Box::new(make(ExprKind::Leg(Box::new(l)))), f)),
        1 => (literal(), event, ident()).prop_map(|(l, s, e)| ExprKind::Within(l, s, e)),
    ]
    .prop_map(make)
}

fn shift() -> impl Strategy<Value = Node<Shift>> {
    prop_oneof![
        3 => (ident(), literal()).prop_map(|(axis, amount)| node(Shift::By { axis, amount })),
        1 => ident().prop_map(|name| node(Shift::Event(name))),
    ]
}

fn arg(expr: impl Strategy<Value = Expr> + Clone) -> impl Strategy<Value = Arg> {
    prop_oneof![
        4 => expr.clone().prop_map(Arg::Value),
        1 => (ident(), expr).prop_map(|(n, e)| Arg::Named(n, e)),
        1 => literal().prop_map(Arg::Over),
        1 => Just(Arg::SinceEntry(node(()))),
        1 => literal_range().prop_map(|(a, b)| Arg::Range(a, b)),
        1 => vec(shift(), 1..4).prop_map(Arg::Under),
    ]
}

fn expr() -> impl Strategy<Value = Expr> + Clone {
    let field = prop_oneof![
        word(),
        select(vec!["open", "close", "event", "in"]).prop_map(str::to_owned)
    ]
    .prop_map(node);
    leaf()
        .prop_recursive(5, 24, 4, move |e| {
            let boxed = e.clone().prop_map(Box::new).boxed();
            let b = || boxed.clone();
            prop_oneof![
                6 => (op(), b(), b()).prop_map(|(op, l, r)| ExprKind::Binary(op, l, r)),
                1 => b().prop_map(|e| ExprKind::Unary(UnaryOp::Not, e)),
                1 => b().prop_map(|e| ExprKind::Unary(UnaryOp::Neg, e)),
                1 => (b(), field.clone()).prop_map(|(e, f)| ExprKind::Field(e, f)),
                1 => (b(), b()).prop_map(|(e, i)| ExprKind::Index(e, i)),
                1 => (b(), literal()).prop_map(|(e, l)| ExprKind::OnBars(e, l)),
                2 => (ident(), vec(arg(e.clone()), 0..4)).prop_map(|(n, a)| ExprKind::Call(n, a)),
                1 => (ident(), vec(e, 0..3), ident())
                    .prop_map(|(name, args, returns)| ExprKind::ScriptCall { name, args, returns }),
                1 => (b(), b(), b()).prop_map(|(x, mut lo, hi)| {
                    if let (ExprKind::Literal(lo), ExprKind::Literal(hi)) = (&mut lo.kind, &hi.kind) {
                        share(lo, hi);
                    }
                    ExprKind::InRange(x, lo, hi)
                }),
                1 => (b(), literal()).prop_map(|(e, l)| ExprKind::For(e, l)),
                1 => (b(), b()).prop_map(|(on, off)| ExprKind::Until(on, off)),
                1 => (b(), direction(), literal(), literal())
                    .prop_map(|(expr, direction, amount, over)| ExprKind::Moves { expr, direction, amount, over }),
            ]
            .prop_map(make)
        })
        .boxed()
}

/// A condition and its end, as `switch` takes them apart.
fn switch() -> impl Strategy<Value = (Expr, Option<Expr>)> {
    (expr(), option::of(expr())).prop_map(|(when, until)| match (when.kind, until) {
        (ExprKind::Until(on, off), None) => (*on, Some(*off)),
        (kind, until) => (make(kind), until),
    })
}

fn nearest() -> impl Strategy<Value = ExpirySelector> {
    (amount(), option::of(amount_range()), option::of(ident()))
        .prop_map(|(dte, window, only)| ExpirySelector::Nearest { dte, window, only })
}

fn strike() -> impl Strategy<Value = StrikeSelector> {
    let place = select(vec!["spot", "forward", "money"]).prop_map(|w| node(w.to_owned()));
    let anchor = prop_oneof![leg(true).prop_map(Anchor::Leg), ident().prop_map(Anchor::Word)];
    prop_oneof![
        3 => amount().prop_map(StrikeSelector::At),
        1 => place.prop_map(StrikeSelector::AtWord),
        2 => (amount(), direction(), anchor, any::<bool>())
            .prop_map(|(amount, direction, anchor, about)| StrikeSelector::Offset { amount, direction, anchor, about }),
        1 => expr().prop_map(|e| StrikeSelector::Formula(Box::new(e))),
        1 => leg(true).prop_map(StrikeSelector::SameAs),
    ]
}

fn leg_clause() -> impl Strategy<Value = LegClause> {
    let decl = (
        side(),
        right(),
        option::of(ident()),
        option::of(count()),
        strike(),
        option::of(nearest()),
    );
    prop_oneof![
        2 => nearest().prop_map(LegClause::Expiry),
        3 => decl.prop_map(|(side, right, name, ratio, strike, expiry)| {
            let leg = LegRef { side, right: Some(right), name, span: Span::default() };
            LegClause::Leg { leg, ratio, strike, expiry }
        }),
        1 => strike().prop_map(LegClause::Strike),
        1 => amount().prop_map(LegClause::Wings),
        1 => (side(), count()).prop_map(|(side, month)| LegClause::Month { side, month }),
        1 => (side(), count()).prop_map(|(side, count)| LegClause::Shares { side, count }),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let kind = select(vec!["iron condor", "put spread", "call", "legs", "future spread"]);
    (kind, ident(), vec(leg_clause().prop_map(node), 0..4)).prop_map(|(kind, underlying, clauses)| Shape {
        kind: node(kind.to_owned()),
        underlying,
        clauses,
    })
}

fn size() -> impl Strategy<Value = SizeExpr> {
    prop_oneof![
        2 => literal().prop_map(|l| SizeExpr::Lots(Amount::Literal(Literal { unit: LitUnit::Lots, ..l }))),
        1 => ident().prop_map(|n| SizeExpr::Lots(Amount::Name(n))),
        2 => (expr(), ident()).prop_map(|(amount, by)| SizeExpr::Budget { amount, by }),
        2 => expr().prop_map(SizeExpr::Of),
        1 => (amount_range(), ident(), option::of(amount()))
            .prop_map(|((lo, hi), by, step)| SizeExpr::Scale { lo, hi, by, step }),
    ]
}

fn limit() -> impl Strategy<Value = LimitPrice> {
    prop_oneof![
        Just(LimitPrice::Market),
        Just(LimitPrice::Mid),
        Just(LimitPrice::Natural),
        expr().prop_map(|e| LimitPrice::At(Box::new(e))),
    ]
}

fn unknown() -> impl Strategy<Value = OnUnknown> {
    select(vec![OnUnknown::Hold, OnUnknown::Act])
}

fn roll_target() -> impl Strategy<Value = RollTarget> {
    let expiry = prop_oneof![nearest(), Just(ExpirySelector::Same)];
    let strikes = prop_oneof![
        Just(RollStrikes::Recentred),
        Just(RollStrikes::Same),
        strike().prop_map(RollStrikes::Tested),
        (right(), strike()).prop_map(|(r, s)| RollStrikes::Side(r, s)),
    ];
    (expiry, strikes).prop_map(|(expiry, strikes)| RollTarget { expiry, strikes })
}

fn rule() -> impl Strategy<Value = Rule> {
    let open = (
        option::of(ident()),
        expr(),
        size(),
        option::of(amount()),
        option::of(amount()),
        option::of(expr()),
        option::of(limit()),
    );
    let close = (
        ident(),
        expr(),
        option::of(amount()),
        option::of(limit()),
        option::of(unknown()),
    );
    let roll = (
        ident(),
        expr(),
        roll_target(),
        option::of(expr()),
        option::of(limit()),
        option::of(unknown()),
        (option::of(expr()), option::of(conflict())),
    );
    prop_oneof![
        open.prop_map(|(name, when, size, at_most, up_to, require, limit)| Rule::Open {
            name,
            when,
            size,
            at_most,
            up_to,
            require,
            limit,
            conflict: None
        }),
        close.prop_map(|(name, when, portion, limit, unknown)| Rule::Close {
            name,
            when,
            portion,
            limit,
            unknown
        }),
        roll.prop_map(
            |(name, when, to, require, limit, unknown, (rank, conflict))| Rule::Roll {
                name,
                when,
                to,
                rank,
                require,
                limit,
                unknown,
                conflict
            }
        ),
    ]
}

fn conflict() -> impl Strategy<Value = Conflict> {
    select(vec![Conflict::Skip, Conflict::Next])
}

fn subaccount_clause() -> impl Strategy<Value = SubaccountClause> {
    prop_oneof![
        literal().prop_map(SubaccountClause::Capital),
        vec(ident(), 1..4).prop_map(SubaccountClause::Holds),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        literal().prop_map(Setting::Capital),
        (literal(), ident(), ident()).prop_map(|(every, instrument, session)| Setting::Evaluate {
            every,
            instrument,
            session
        }),
        ident().prop_map(Setting::Posture),
        any::<bool>().prop_map(Setting::FillSameBar),
        literal().prop_map(|l| Setting::Cross(Crossing::Share(l))),
        Just(Setting::Cross(Crossing::ByLegs)),
        ident().prop_map(|w| Setting::Cross(Crossing::Word(w))),
        (ident(), option::of(literal())).prop_map(|(how, assume)| Setting::Depth { how, assume }),
        ident().prop_map(Setting::Fees),
        any::<bool>().prop_map(Setting::SettleApproximate),
        (ident(), any::<bool>()).prop_map(|(rulebook, flatten)| Setting::Margin { rulebook, flatten }),
    ]
}

fn layer() -> impl Strategy<Value = Node<Layer>> {
    let clause = prop_oneof![
        2 => shape().prop_map(LayerClause::Own),
        1 => size().prop_map(LayerClause::Size),
        1 => vec(expr(), 1..4).prop_map(LayerClause::Vote),
        1 => switch().prop_map(|(when, until)| LayerClause::Active { when, until }),
        1 => ident().prop_map(LayerClause::RollEvery),
        1 => (ident(), switch()).prop_map(|(to, (when, until))| LayerClause::Rotate { to, when, until }),
        1 => (amount(), count(), expr()).prop_map(|(share, month, when)| LayerClause::Migrate { share, month, when }),
        1 => expr().prop_map(LayerClause::Cap),
        1 => (expr(), ident()).prop_map(|(amount, per)| LayerClause::Budget { amount, per }),
        1 => unknown().prop_map(LayerClause::Unknown),
    ];
    (doc(), ident(), vec(clause.prop_map(node), 0..4))
        .prop_map(|(doc, name, clauses)| node(Layer { doc, name, clauses }))
}

fn hedge() -> impl Strategy<Value = Hedge> {
    let clause =
        prop_oneof![
            (ident(), expr(), option::of(amount_range()))
                .prop_map(|(greek, amount, band)| HedgeClause::Target { greek, amount, band }),
            (expr(), ident()).prop_map(|(amount, per)| HedgeClause::Budget { amount, per }),
            expr().prop_map(HedgeClause::Cap),
            amount().prop_map(HedgeClause::NoTradeBand),
            (any::<bool>(), ident(), expr()).prop_map(|(returns, instrument, by)| HedgeClause::Map {
                of: if returns { MapOf::Return } else { MapOf::Vol },
                instrument,
                by,
                at: None
            }),
        ];
    (
        ident(),
        ident(),
        vec(clause.prop_map(node), 0..3),
        vec(layer(), 0..3),
    )
        .prop_map(|(name, on, clauses, layers)| Hedge {
            name,
            on,
            clauses,
            layers,
        })
}

fn overlay() -> impl Strategy<Value = Overlay> {
    let clause = prop_oneof![
        (ident(), ident(), amount(), amount()).prop_map(|(instrument, greek, target, band)| {
            OverlayClause::Trade {
                instrument,
                greek,
                target,
                band,
            }
        }),
        switch().prop_map(|(when, until)| OverlayClause::Active { when, until }),
        expr().prop_map(OverlayClause::Require),
    ];
    (ident(), ident(), vec(clause.prop_map(node), 0..4)).prop_map(|(name, on, clauses)| Overlay {
        name,
        on,
        clauses,
    })
}

fn guard() -> impl Strategy<Value = Guard> {
    let action = prop_oneof![
        Just(GuardAction::BlockOpen),
        Just(GuardAction::HaltOpen),
        ident().prop_map(GuardAction::Flatten),
        string().prop_map(GuardAction::Alert),
    ];
    let rule = (expr(), action, option::of(unknown())).prop_map(|(require, action, unknown)| {
        node(GuardRule {
            require,
            action,
            unknown,
        })
    });
    (ident(), vec(rule, 0..4)).prop_map(|(name, rules)| Guard { name, rules })
}

fn plugin_function() -> impl Strategy<Value = PluginFunction> {
    let param = prop_oneof![
        (ident(), ident()).prop_map(|(name, unit)| PluginParam::Series(name, unit)),
        (ident(), literal()).prop_map(|(name, default)| PluginParam::Number(name, default)),
    ];
    let outputs = vec((option::of(ident()), ident()), 1..4);
    (ident(), vec(param, 0..4), outputs).prop_map(|(name, params, outputs)| PluginFunction {
        name,
        params,
        outputs,
    })
}

fn kind() -> impl Strategy<Value = ItemKind> {
    prop_oneof![
        1 => string().prop_map(ItemKind::Import),
        1 => (string(), option::of(plugin_function()))
            .prop_map(|(plugin, function)| ItemKind::UsePlugin(UsePlugin { plugin, function })),
        1 => (ident(), vec(setting().prop_map(node), 0..5))
            .prop_map(|(name, settings)| ItemKind::Strategy(Strategy_ { name, settings })),
        2 => (ident(), literal(), literal_range())
            .prop_map(|(name, default, (min, max))| ItemKind::Threshold(Threshold { name, default, min, max })),
        1 => (ident(), string(), option::of(ident()), option::of(literal()))
            .prop_map(|(name, feed, unit, stale_after)| ItemKind::Series(Series { name, feed, unit, stale_after })),
        1 => (ident(), string()).prop_map(|(name, feed)| ItemKind::Event(EventDecl { name, feed })),
        4 => (ident(), expr()).prop_map(|(name, expr)| ItemKind::Signal(Signal { name, expr })),
        1 => (ident(), vec((ident(), ident()), 0..4), ident(), string())
            .prop_map(|(name, params, returns, file)| ItemKind::Script(Script { name, params, returns, file })),
        1 => (ident(), shape()).prop_map(|(name, shape)| ItemKind::Structure(Structure { name, shape })),
        2 => (ident(), ident(), vec(rule().prop_map(node), 0..4))
            .prop_map(|(name, on, rules)| ItemKind::Policy(Policy { name, on, rules })),
        1 => hedge().prop_map(ItemKind::Hedge),
        1 => overlay().prop_map(ItemKind::Overlay),
        1 => guard().prop_map(ItemKind::Guard),
        1 => (ident(), vec(subaccount_clause().prop_map(node), 0..4))
            .prop_map(|(name, clauses)| ItemKind::Subaccount(Subaccount { name, clauses })),
    ]
}

/// A file of the first version.
pub fn file() -> impl Strategy<Value = File> {
    let code = select(vec!["A0601", "can-flap"]).prop_map(|c| node(c.to_owned()));
    let allow = (code, string()).prop_map(|(code, reason)| Allow { code, reason });
    let item = (
        doc(),
        prop_oneof![3 => Just(Vec::new()).boxed(), 1 => vec(allow, 1..3).boxed()],
        kind(),
    )
        .prop_map(|(doc, allow, kind)| Item {
            doc,
            allow,
            kind,
            span: Span::default(),
        });
    vec(item, 0..6).prop_map(|items| File {
        version: Some(node(1)),
        items,
    })
}
