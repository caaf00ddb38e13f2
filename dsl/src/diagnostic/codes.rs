//! The registry of diagnostic codes. A code is never reused and never changes its meaning.
//!
//! Ranges: A01xx text and syntax, A02xx names, A03xx units and types, A04xx structures, A05xx policies, hedges and guards,
//! A06xx warnings (lints), A07xx imports, A08xx limits, A09xx thresholds.

/// A code such as `A0201`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "A{:04}", self.0)
    }
}

/// One entry of the registry.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Short kebab-case name: `unknown-name`.
    pub name: &'static str,
    /// The page shown by `alula explain`, Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $konst:ident = $num:literal, $name:literal, $page:expr;)*) => {
        $($(#[$doc])* pub const $konst: Code = Code($num);)*
        /// Every code, ascending.
        pub const ALL: &[CodeInfo] = &[$(CodeInfo { code: Code($num), name: $name, page: $page },)*];
    };
}

/// The entry of a code written as `A0201`, `a0201` or by its name, `unknown-name`.
#[must_use]
pub fn explain(code: &str) -> Option<&'static CodeInfo> {
    let code = code.trim();
    ALL.iter()
        .find(|i| i.name == code || i.code.to_string().eq_ignore_ascii_case(code))
}

/// The entry of a code; `None` only for a code that was made up.
#[must_use]
pub fn info(code: Code) -> Option<&'static CodeInfo> {
    ALL.iter().find(|i| i.code == code)
}

codes! {
    /// The text does not fit the grammar at this place.
    SYNTAX = 101, "syntax-error", include_str!("pages/A0101.md");
    /// The file does not name its language version.
    MISSING_VERSION = 102, "missing-version", include_str!("pages/A0102.md");
    /// The first line is not a language version.
    BAD_VERSION = 103, "bad-version", include_str!("pages/A0103.md");
    /// The file is written in a later version of the language.
    FUTURE_VERSION = 104, "future-version", include_str!("pages/A0104.md");
    /// The file is not UTF-8 text.
    NOT_UTF8 = 105, "not-utf8", include_str!("pages/A0105.md");
    /// An invisible control character stands in the text.
    CONTROL_CHARACTER = 106, "control-character", include_str!("pages/A0106.md");
    /// A character that the language does not use, often a look-alike of one that it does.
    UNEXPECTED_CHARACTER = 107, "unexpected-character", include_str!("pages/A0107.md");
    /// A bracket is opened and never closed.
    UNCLOSED_BRACKET = 108, "unclosed-bracket", include_str!("pages/A0108.md");
    /// A string has no end on its line.
    UNCLOSED_STRING = 109, "unclosed-string", include_str!("pages/A0109.md");
    /// A closing bracket closes nothing.
    UNMATCHED_BRACKET = 110, "unmatched-bracket", include_str!("pages/A0110.md");
    /// The text at this place begins no item.
    UNKNOWN_ITEM = 111, "unknown-item", include_str!("pages/A0111.md");
    /// An operator of another language.
    FOREIGN_OPERATOR = 112, "foreign-operator", include_str!("pages/A0112.md");
    /// A number is not written as the language writes numbers.
    BAD_NUMBER = 113, "bad-number", include_str!("pages/A0113.md");
    /// A backslash in a string stands before something other than a quote or a backslash.
    BAD_ESCAPE = 114, "bad-escape", include_str!("pages/A0114.md");
    /// Two comparisons in a row.
    CHAINED_COMPARISON = 115, "chained-comparison", include_str!("pages/A0115.md");
    /// A documentation comment that documents nothing.
    MISPLACED_DOC = 116, "misplaced-doc", include_str!("pages/A0116.md");
    /// A clause that may stand once stands twice in a rule.
    REPEATED_CLAUSE = 117, "repeated-clause", include_str!("pages/A0117.md");
    /// A rule lacks a clause that it cannot do without.
    INCOMPLETE_RULE = 118, "incomplete-rule", include_str!("pages/A0118.md");
    /// A unit spelt in a way that the language does not know.
    FOREIGN_UNIT = 119, "foreign-unit", include_str!("pages/A0119.md");
    /// The unit stands before its number.
    UNIT_BEFORE_NUMBER = 120, "unit-before-number", include_str!("pages/A0120.md");
    /// A range stands where one value is needed, or the other way round.
    MISPLACED_RANGE = 121, "misplaced-range", include_str!("pages/A0121.md");
    /// A clause of another kind of rule.
    CLAUSE_NOT_HERE = 122, "clause-not-here", include_str!("pages/A0122.md");
    /// A name is used that is neither declared in this file or its imports nor known to the language.
    UNKNOWN_NAME = 201, "unknown-name", include_str!("pages/A0201.md");
    /// Two items share a name.
    DUPLICATE_NAME = 202, "duplicate-name", include_str!("pages/A0202.md");
    /// The name belongs to the language.
    RESERVED_NAME = 203, "reserved-name", include_str!("pages/A0203.md");
    /// The name exists but is a different kind of thing than this place needs.
    WRONG_KIND_OF_NAME = 204, "wrong-kind-of-name", include_str!("pages/A0204.md");
    /// No function of this name is built in or declared with `script`.
    UNKNOWN_FUNCTION = 205, "unknown-function", include_str!("pages/A0205.md");
    /// The thing before the dot has no such field.
    UNKNOWN_FIELD = 206, "unknown-field", include_str!("pages/A0206.md");
    /// A signal depends on itself, directly or through others, so it has no value.
    SIGNAL_CYCLE = 207, "signal-cycle", include_str!("pages/A0207.md");
    /// The function takes other arguments.
    WRONG_ARGUMENTS = 208, "wrong-arguments", include_str!("pages/A0208.md");
    /// The unit is not known.
    UNKNOWN_UNIT = 209, "unknown-unit", include_str!("pages/A0209.md");
    /// The file that is run has no `strategy` item, so there is no capital and no cadence.
    MISSING_STRATEGY = 210, "missing-strategy", include_str!("pages/A0210.md");
    /// There are two `strategy` items, in one file or through an import.
    SEVERAL_STRATEGIES = 211, "several-strategies", include_str!("pages/A0211.md");
    /// A setting of the strategy, or a clause that may stand once, is written twice.
    DUPLICATE_SETTING = 212, "duplicate-setting", include_str!("pages/A0212.md");
    /// `capital` and `evaluate` have no defaults.
    MISSING_SETTING = 213, "missing-setting", include_str!("pages/A0213.md");
    /// The value does not fit the setting.
    BAD_SETTING = 214, "bad-setting", include_str!("pages/A0214.md");
    /// The name means something, but not here.
    WRONG_CONTEXT = 215, "wrong-context", include_str!("pages/A0215.md");
    /// One script is called or declared with two different signatures.
    SCRIPT_CONFLICT = 216, "script-conflict", include_str!("pages/A0216.md");
    /// No instrument of this name is known.
    UNKNOWN_INSTRUMENT = 217, "unknown-instrument", include_str!("pages/A0217.md");
    /// Two quantities that measure different things are compared, added or passed to each other.
    UNIT_MISMATCH = 301, "unit-mismatch", include_str!("pages/A0301.md");
    /// A condition is needed (true, false or unknown), and this is a number.
    NOT_A_CONDITION = 302, "not-a-condition", include_str!("pages/A0302.md");
    /// A number is needed, and this is a condition.
    NOT_A_NUMBER = 303, "not-a-number", include_str!("pages/A0303.md");
    /// A level ("VIX is at 18") is compared with a change ("VIX moved by 2").
    LEVEL_AGAINST_CHANGE = 304, "level-against-change", include_str!("pages/A0304.md");
    /// "VIX up 15" can mean fifteen points or fifteen percent.
    MOVE_WITHOUT_UNIT = 305, "move-without-unit", include_str!("pages/A0305.md");
    /// An instrument is not a number.
    BARE_INSTRUMENT = 306, "bare-instrument", include_str!("pages/A0306.md");
    /// The window is said in a measure that the series does not have.
    WINDOW_CLOCK = 307, "window-clock", include_str!("pages/A0307.md");
    /// A written number of a certain kind is needed here.
    BAD_CONSTANT = 308, "bad-constant", include_str!("pages/A0308.md");
    /// `@` chooses the bar size of an instrument's or a feed's field.
    BAD_BARS = 309, "bad-bars", include_str!("pages/A0309.md");
    /// The product or quotient has a unit with an exponent beyond 8.
    UNIT_TOO_LARGE = 310, "unit-too-large", include_str!("pages/A0310.md");
    /// This place takes one kind of unit, and the value has another.
    WRONG_UNIT = 311, "wrong-unit", include_str!("pages/A0311.md");
    /// A number with this unit has no meaning in this place.
    UNIT_NOT_HERE = 312, "unit-not-here", include_str!("pages/A0312.md");
    /// Windows work on series of the market.
    NEEDS_SERIES = 313, "needs-series", include_str!("pages/A0313.md");
    /// The function has several outputs; say which one.
    PICK_AN_OUTPUT = 314, "pick-an-output", include_str!("pages/A0314.md");
    /// No structure of this shape is known.
    UNKNOWN_SHAPE = 401, "unknown-shape", include_str!("pages/A0401.md");
    /// The shape needs a leg, or a clause such as `wings`, that is not there.
    MISSING_LEG = 402, "missing-leg", include_str!("pages/A0402.md");
    /// The shape has no such leg or clause.
    UNEXPECTED_LEG = 403, "unexpected-leg", include_str!("pages/A0403.md");
    /// A leg is spoken of that the structure does not have, or that could be any of several.
    UNKNOWN_LEG = 404, "unknown-leg", include_str!("pages/A0404.md");
    /// Strikes are measured from each other in a circle, so none of them can be chosen.
    ANCHOR_CYCLE = 405, "anchor-cycle", include_str!("pages/A0405.md");
    /// The bought leg stands on the wrong side of the sold one, so the wing protects nothing.
    INVERTED_WING = 406, "inverted-wing", include_str!("pages/A0406.md");
    /// The window of days to expiry does not contain its target, or its ends are the wrong way round.
    BAD_WINDOW = 407, "bad-window", include_str!("pages/A0407.md");
    /// A leg has no expiry.
    MISSING_EXPIRY = 408, "missing-expiry", include_str!("pages/A0408.md");
    /// A strike is chosen by `16 delta`, `1.20 pts` (premium), `2% otm`… as a percentage, `1.5 sd`, a word (`spot`, `forward`, `money`), an offset from another leg or from spot, or `at strike EXPR` in points.
    BAD_STRIKE = 409, "bad-strike", include_str!("pages/A0409.md");
    /// Contracts per package are whole and positive.
    BAD_RATIO = 410, "bad-ratio", include_str!("pages/A0410.md");
    /// The underlying has no such contracts.
    NOT_TRADABLE = 411, "not-tradable", include_str!("pages/A0411.md");
    /// The legs are all there but do not make the shape.
    LEGS_DO_NOT_FIT = 412, "legs-do-not-fit", include_str!("pages/A0412.md");
    /// An expiry clause asks for a settlement that options on this underlying do not have.
    NO_SUCH_EXPIRY = 413, "no-such-expiry", include_str!("pages/A0413.md");
    /// A share of nothing is not a size.
    SIZE_WITHOUT_BASIS = 501, "size-without-basis", include_str!("pages/A0501.md");
    /// The word after `by` is not a basis.
    UNKNOWN_BASIS = 502, "unknown-basis", include_str!("pages/A0502.md");
    /// The loss of this structure has no bound, so `max_loss` has no value.
    UNBOUNDED_RISK = 503, "unbounded-risk", include_str!("pages/A0503.md");
    /// Two rules of one policy have the same name.
    DUPLICATE_RULE = 504, "duplicate-rule", include_str!("pages/A0504.md");
    /// The roll's target does not fit the structure.
    BAD_ROLL = 505, "bad-roll", include_str!("pages/A0505.md");
    /// `votes >= 2 of 4` says that there are four votes, and the layer has another number.
    VOTE_COUNT = 506, "vote-count", include_str!("pages/A0506.md");
    /// A clause is missing without which the item means nothing.
    MISSING_CLAUSE = 507, "missing-clause", include_str!("pages/A0507.md");
    /// One of a few words is needed here.
    BAD_WORD = 508, "bad-word", include_str!("pages/A0508.md");
    /// A level trigger without hysteresis or persistence switches on and off at every wiggle around its level, and each switch is a trade that pays the spread.
    CAN_FLAP = 601, "can-flap", include_str!("pages/A0601.md");
    /// Nothing that trades, hedges or guards uses this item.
    UNUSED = 602, "unused", include_str!("pages/A0602.md");
    /// A threshold is what an operator may turn while money is at risk.
    UNDOCUMENTED_THRESHOLD = 603, "undocumented-threshold", include_str!("pages/A0603.md");
    /// The condition never changes.
    CONSTANT_CONDITION = 604, "constant-condition", include_str!("pages/A0604.md");
    /// An earlier rule of the same kind has the same condition.
    SHADOWED_RULE = 605, "shadowed-rule", include_str!("pages/A0605.md");
    /// This part of the language is checked, formatted and drawn, but the engine does not act on it yet.
    NOT_EVALUATED_YET = 606, "not-evaluated-yet", include_str!("pages/A0606.md");
    /// `#allow(…)` silences a warning that does not occur in its item.
    UNUSED_ALLOW = 607, "unused-allow", include_str!("pages/A0607.md");
    /// `#allow(…)` names no code, or the code of an error.
    BAD_ALLOW = 608, "bad-allow", include_str!("pages/A0608.md");
    /// More was found than is shown.
    MORE_FINDINGS = 609, "more-findings", include_str!("pages/A0609.md");
    /// A put's delta is negative, so a comparison with a positive one sees calls only.
    ONE_SIDED_DELTA = 610, "one-sided-delta", include_str!("pages/A0610.md");
    /// A bare window of a value that is read at each evaluation counts evaluations, not days.
    WINDOW_IN_TICKS = 611, "window-in-ticks", include_str!("pages/A0611.md");
    /// `require net credit` looks at the quotes of the decision; the fill comes later, and only `limit` binds it.
    ROLL_WITHOUT_LIMIT = 612, "roll-without-limit", include_str!("pages/A0612.md");
    /// A rule measures against the credit, and a roll may pay that credit away or turn it into a debit.
    CREDIT_MAY_TURN = 613, "credit-may-turn", include_str!("pages/A0613.md");
    /// A close or roll that holds only when an order can no longer fill before expiry.
    TOO_LATE_TO_FILL = 614, "too-late-to-fill", include_str!("pages/A0614.md");
    /// No value of the market and of the thresholds makes the condition true.
    NEVER_TRUE = 615, "never-true", include_str!("pages/A0615.md");
    /// No value of the market and of the thresholds makes the condition false.
    NEVER_FALSE = 616, "never-false", include_str!("pages/A0616.md");
    /// A close whose condition holds whenever the structure may be opened.
    OPENED_TO_CLOSE = 617, "opened-to-close", include_str!("pages/A0617.md");
    /// A package that the rules can hold has a loss without bound.
    NO_LOSS_BOUND = 618, "no-loss-bound", include_str!("pages/A0618.md");
    /// A roll after which more can be lost than the lots were chosen for.
    ROLL_RAISES_RISK = 619, "roll-raises-risk", include_str!("pages/A0619.md");
    /// A roll whose condition still holds of what it rolls to.
    ROLLS_AGAIN = 620, "rolls-again", include_str!("pages/A0620.md");
    /// A latch that is released where it is set.
    LATCH_WITHOUT_ROOM = 621, "latch-without-room", include_str!("pages/A0621.md");
    /// Two layers of hedges own one contract, one of them the other way round.
    LAYERS_FIGHT = 622, "layers-fight", include_str!("pages/A0622.md");
    /// The target of a hedge lies outside the band that it names.
    TARGET_OUTSIDE_BAND = 623, "target-outside-band", include_str!("pages/A0623.md");
    /// One value switches the layers of a hedge, and none is on in a stretch between them.
    LAYER_GAP = 624, "layer-gap", include_str!("pages/A0624.md");
    /// One value switches two layers of a hedge, and both are on in a stretch that belongs to neither alone.
    LAYER_OVERLAP = 625, "layer-overlap", include_str!("pages/A0625.md");
    /// Orders fill on the quotes that decided them.
    FILL_LOOKS_AHEAD = 626, "fill-looks-ahead", include_str!("pages/A0626.md");
    /// A value needs more bars than the data have.
    WARM_UP_BEYOND_DATA = 627, "warm-up-beyond-data", include_str!("pages/A0627.md");
    /// A strike at less than one delta: a fraction was written.
    DELTA_AS_FRACTION = 629, "delta-as-fraction", include_str!("pages/A0629.md");
    /// A promoter's strategy has nothing that an overlay could name.
    PROMOTER_WITHOUT_NODES = 632, "promoter-without-nodes", include_str!("pages/A0632.md");
    /// The imported file could not be read.
    IMPORT_NOT_FOUND = 701, "import-not-found", include_str!("pages/A0701.md");
    /// Imports stay inside the project folder.
    IMPORT_OUTSIDE = 702, "import-outside", include_str!("pages/A0702.md");
    /// A file imports itself, directly or through others.
    IMPORT_CYCLE = 703, "import-cycle", include_str!("pages/A0703.md");
    /// At most 64 files, nested at most 16 deep, make one strategy.
    TOO_MANY_IMPORTS = 704, "too-many-imports", include_str!("pages/A0704.md");
    /// A script file cannot be read, or is not the function that the strategy declares.
    SCRIPT_FILE = 705, "script-file", include_str!("pages/A0705.md");
    /// The file is larger than the limit.
    FILE_TOO_LARGE = 801, "file-too-large", include_str!("pages/A0801.md");
    /// The file has more lines than the limit.
    TOO_MANY_LINES = 802, "too-many-lines", include_str!("pages/A0802.md");
    /// A line is longer than the limit.
    LINE_TOO_LONG = 803, "line-too-long", include_str!("pages/A0803.md");
    /// Brackets are nested more deeply than the limit.
    NESTED_TOO_DEEPLY = 804, "nested-too-deeply", include_str!("pages/A0804.md");
    /// The file has more items than the limit.
    TOO_MANY_ITEMS = 805, "too-many-items", include_str!("pages/A0805.md");
    /// Too many `not` or `-` in a row.
    UNARY_CHAIN_TOO_LONG = 806, "unary-chain-too-long", include_str!("pages/A0806.md");
    /// One expression joins more values than the limit.
    TOO_MANY_OPERANDS = 807, "too-many-operands", include_str!("pages/A0807.md");
    /// An expression is too deep once its operators are grouped.
    EXPRESSION_TOO_TALL = 808, "expression-too-tall", include_str!("pages/A0808.md");
    /// A number has more digits than can be kept exactly.
    NUMBER_TOO_LONG = 809, "number-too-long", include_str!("pages/A0809.md");
    /// A string is longer than the limit.
    STRING_TOO_LONG = 810, "string-too-long", include_str!("pages/A0810.md");
    /// A name is longer than the limit.
    NAME_TOO_LONG = 811, "name-too-long", include_str!("pages/A0811.md");
    /// The default of a threshold lies outside the range that it declares.
    DEFAULT_OUT_OF_RANGE = 901, "default-out-of-range", include_str!("pages/A0901.md");
    /// The lower end of a range is above its upper end, so nothing lies in it.
    RANGE_INVERTED = 902, "range-inverted", include_str!("pages/A0902.md");
    /// Default and range of a threshold are written in different units.
    THRESHOLD_UNITS = 903, "threshold-units", include_str!("pages/A0903.md");
    /// A thresholds file does not fit the thresholds that the strategy declares.
    THRESHOLDS_FILE = 904, "thresholds-file", include_str!("pages/A0904.md");
    /// A rule-test file that does not fit its strategy.
    TEST_FILE = 905, "test-file", include_str!("pages/A0905.md");
}
