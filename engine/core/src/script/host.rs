//! The Rhai engine behind a script; the one file that names `rhai`.

use super::{
    MAX_ARRAY_ITEMS, MAX_CALL_LEVELS, MAX_EXPRESSION_DEPTH, MAX_FUNCTIONS, MAX_MAP_ENTRIES, MAX_OPERATIONS,
    MAX_PARAMETERS, MAX_SOURCE_BYTES, MAX_STRING_BYTES, MAX_VARIABLES, ScriptError, Signature, known_inputs,
};
use crate::value::{Cause, Cell, ScriptFault};
use alula_dsl::graph::ValueKind;
use rhai::packages::{ArithmeticPackage, BasicMathPackage, LogicPackage, Package};
use rhai::{
    AST, ASTNode, CallFnOptions, Dynamic, Engine, EvalAltResult, Expr, FnAccess, FnCallExpr,
    OptimizationLevel, Position, Scope, Stmt,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Words that must not parse: they reach out of the function, or lead to code that cannot be checked in advance.
const DISABLED: [&str; 14] = [
    "eval",
    "print",
    "debug",
    "import",
    "export",
    "Fn",
    "call",
    "curry",
    "is_shared",
    "is_def_var",
    "is_def_fn",
    "exit",
    "for",
    "this",
];

/// Powers go through libm: see `pow`.
const DISABLED_OPERATORS: [&str; 2] = ["**", "**="];

/// Every function that a script may call beside its own. A name that is not here is an error at compile time.
const FUNCTIONS: [&str; 39] = [
    "abs",
    "sign",
    "min",
    "max",
    "sqrt",
    "exp",
    "ln",
    "log",
    "pow",
    "hypot",
    "floor",
    "ceiling",
    "round",
    "int",
    "fraction",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "to_radians",
    "to_degrees",
    "to_int",
    "to_float",
    "is_nan",
    "is_finite",
    "is_infinite",
    "is_zero",
    "is_odd",
    "is_even",
    "PI",
    "E",
];

/// Compiles scripts; holds the engine and what it has compiled, by content.
#[derive(Clone)]
pub struct ScriptHost {
    engine: Arc<Engine>,
    compiled: BTreeMap<[u8; 32], Arc<AST>>,
}

/// A compiled function. Cheap to copy, safe to share between threads.
#[derive(Clone)]
pub struct Script {
    engine: Arc<Engine>,
    ast: Arc<AST>,
    name: String,
    signature: Signature,
    hash: [u8; 32],
}

impl Default for ScriptHost {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ScriptHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptHost({} compiled)", self.compiled.len())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({}, {})", self.name, self.hash_hex())
    }
}

impl ScriptHost {
    /// An engine with arithmetic, logic and maths, and every limit set.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::new(engine()),
            compiled: BTreeMap::new(),
        }
    }

    /// Compiles the function `name` of a source text. A text that was compiled before is not compiled again.
    ///
    /// # Errors
    /// With line and column where the text is wrong: see the module's description.
    pub fn compile(&mut self, name: &str, source: &str, signature: Signature) -> Result<Script, ScriptError> {
        let hash: [u8; 32] = Sha256::digest(source.as_bytes()).into();
        let ast = match self.compiled.get(&hash) {
            Some(ast) => Arc::clone(ast),
            None => {
                let ast = Arc::new(parse(&self.engine, source)?);
                self.compiled.insert(hash, Arc::clone(&ast));
                ast
            }
        };
        find(&ast, name, &signature)?;
        Ok(Script {
            engine: Arc::clone(&self.engine),
            ast,
            name: name.to_owned(),
            signature,
            hash,
        })
    }

    /// How many different texts it has compiled.
    #[must_use]
    pub fn compiled(&self) -> usize {
        self.compiled.len()
    }
}

impl Script {
    /// Function name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes and gives.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// SHA-256 of the source text.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The same in hexadecimal.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        alula_market::digest::hex(&self.hash)
    }

    /// Calls it. The same inputs give the same bits, whatever was called before.
    #[must_use]
    pub fn call(&self, inputs: &[Cell]) -> Cell {
        let known = match known_inputs(inputs, self.signature.params.len()) {
            Ok(known) => known,
            Err(missing) => return missing,
        };
        let args: Vec<Dynamic> = known
            .zip(&self.signature.params)
            .map(|(value, kind)| match kind {
                ValueKind::Bool => Dynamic::from_bool(value != 0.0),
                ValueKind::Number(_) => Dynamic::from_float(value),
            })
            .collect();
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(true);
        let result: Result<Dynamic, _> =
            self.engine
                .call_fn_with_options(options, &mut Scope::new(), &self.ast, &self.name, args);
        let fault = |fault| Cell::missing(Cause::Script(fault));
        match result {
            Ok(value) => result_cell(&value, self.signature.returns).unwrap_or_else(fault),
            Err(error) => fault(fault_of(&error)),
        }
    }
}

/// A result of the declared kind, or why it is none.
fn result_cell(value: &Dynamic, kind: ValueKind) -> Result<Cell, ScriptFault> {
    let wrong = |_| ScriptFault::WrongType;
    match kind {
        ValueKind::Bool => value.as_bool().map(Cell::boolean).map_err(wrong),
        ValueKind::Number(_) => {
            let number = match value.as_float() {
                Ok(x) => x,
                Err(_) => exact(value.as_int().map_err(wrong)?).ok_or(ScriptFault::WrongType)?,
            };
            if number.is_finite() {
                Ok(Cell::number(number))
            } else {
                Err(ScriptFault::NotFinite)
            }
        }
    }
}

/// The float of an integer up to 2^53; beyond, not every integer has one.
#[expect(clippy::cast_precision_loss, reason = "the bound makes the conversion exact")]
fn exact(i: i64) -> Option<f64> {
    (i.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS).then_some(i as f64)
}

fn fault_of(error: &EvalAltResult) -> ScriptFault {
    match error.unwrap_inner() {
        EvalAltResult::ErrorTooManyOperations(..) | EvalAltResult::ErrorTerminated(..) => ScriptFault::Budget,
        EvalAltResult::ErrorStackOverflow(..)
        | EvalAltResult::ErrorDataTooLarge(..)
        | EvalAltResult::ErrorTooManyVariables(..)
        | EvalAltResult::ErrorTooManyModules(..) => ScriptFault::Limit,
        _ => ScriptFault::Error,
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    register_libm(&mut engine);
    engine
        // What is checked is what runs: nothing is folded away before the walk over the tree.
        .set_optimization_level(OptimizationLevel::None)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_allow_anonymous_fn(false)
        .set_max_operations(MAX_OPERATIONS)
        .set_max_call_levels(MAX_CALL_LEVELS)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_max_string_size(MAX_STRING_BYTES)
        .set_max_array_size(MAX_ARRAY_ITEMS)
        .set_max_map_size(MAX_MAP_ENTRIES)
        .set_max_variables(MAX_VARIABLES)
        .set_max_functions(MAX_FUNCTIONS)
        // A second hand on the brake: the host's own count, whatever the engine's setting becomes.
        .on_progress(|operations| (operations > MAX_OPERATIONS).then_some(Dynamic::UNIT));
    for word in DISABLED.into_iter().chain(DISABLED_OPERATORS) {
        engine.disable_symbol(word);
    }
    engine
}

/// Functions registered on the engine win over a package's of the same name and types.
fn register_libm(engine: &mut Engine) {
    type Function = fn(f64) -> f64;
    let one: [(&str, Function); 15] = [
        ("exp", libm::exp),
        ("ln", libm::log),
        ("log", libm::log10),
        ("sin", libm::sin),
        ("cos", libm::cos),
        ("tan", libm::tan),
        ("sinh", libm::sinh),
        ("cosh", libm::cosh),
        ("tanh", libm::tanh),
        ("asin", libm::asin),
        ("acos", libm::acos),
        ("atan", libm::atan),
        ("asinh", libm::asinh),
        ("acosh", libm::acosh),
        ("atanh", libm::atanh),
    ];
    for (name, f) in one {
        engine.register_fn(name, move |x: f64| f(x));
    }
    engine.register_fn("log", |x: f64, base: f64| libm::log(x) / libm::log(base));
    engine.register_fn("atan", |y: f64, x: f64| libm::atan2(y, x));
    engine.register_fn("hypot", libm::hypot);
    engine.register_fn("pow", libm::pow);
    engine.register_fn("pow", |x: f64, n: i64| match i32::try_from(n) {
        Ok(n) => libm::pow(x, f64::from(n)),
        Err(_) => f64::NAN,
    });
    engine.register_fn("pow", |x: i64, n: i64| -> Result<i64, Box<EvalAltResult>> {
        u32::try_from(n)
            .ok()
            .and_then(|n| x.checked_pow(n))
            .ok_or_else(|| {
                EvalAltResult::ErrorArithmetic(format!("pow({x}, {n}) overflows"), Position::NONE).into()
            })
    });
}

fn at(position: Position, message: impl Into<String>) -> ScriptError {
    ScriptError {
        message: message.into(),
        line: position.line(),
        column: position.position(),
        help: None,
    }
}

fn parse(engine: &Engine, source: &str) -> Result<AST, ScriptError> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!(
            "the script has {} bytes, the limit is {MAX_SOURCE_BYTES}",
            source.len()
        );
        return Err(at(Position::NONE, message));
    }
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let ast = engine.compile(source).map_err(|error| {
        let message = lower_first(&error.0.to_string()).replace('\'', "`");
        let help = [
            ("`**", "write `pow(x, y)`"),
            ("`for`", "scripts loop with `while` and `loop`"),
        ]
        .into_iter()
        .find_map(|(what, help)| message.contains(what).then(|| help.to_owned()));
        ScriptError {
            help,
            ..at(error.1, message)
        }
    })?;
    check(&ast)?;
    Ok(ast)
}

/// House style: messages begin in lower case (names in quotes excepted).
fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => message.to_owned(),
    }
}

/// Everything that the parser lets through and a script may not do.
fn check(ast: &AST) -> Result<(), ScriptError> {
    let own: Vec<&str> = ast.iter_functions().map(|f| f.name).collect();
    if let Some(stray) = ast.statements().first() {
        let help = Some("put it into the function that needs it".to_owned());
        return Err(ScriptError {
            help,
            ..at(
                stray.position(),
                "only functions may stand at the top of a script",
            )
        });
    }
    let mut found = Ok(());
    ast.walk(&mut |path| {
        found = path.last().map_or(Ok(()), |node| check_node(node, &own));
        found.is_ok()
    });
    found
}

fn check_node(node: &ASTNode<'_>, own: &[&str]) -> Result<(), ScriptError> {
    let call = |call: &FnCallExpr, position: Position| {
        let name = call.name.as_str();
        if call.is_operator_call() || own.contains(&name) || FUNCTIONS.contains(&name) {
            Ok(())
        } else {
            let help = Some(format!(
                "a script has its own functions and {}",
                FUNCTIONS.join(", ")
            ));
            Err(ScriptError {
                help,
                ..at(position, format!("there is no function `{name}` in a script"))
            })
        }
    };
    match node {
        ASTNode::Expr(Expr::FnCall(x, position) | Expr::MethodCall(x, position)) => call(x, *position),
        ASTNode::Stmt(Stmt::FnCall(x, position)) => call(x, *position),
        _ => Ok(()),
    }
}

/// The declared function must stand in the file, with as many parameters as declared.
fn find(ast: &AST, name: &str, signature: &Signature) -> Result<(), ScriptError> {
    let wanted = signature.params.len();
    if wanted > MAX_PARAMETERS {
        let message = format!("`{name}` is declared with {wanted} parameters, the limit is {MAX_PARAMETERS}");
        return Err(at(Position::NONE, message));
    }
    let named: Vec<_> = ast.iter_functions().filter(|f| f.name == name).collect();
    let Some(function) = named.iter().find(|f| f.params.len() == wanted).or(named.first()) else {
        let mut names: Vec<&str> = ast.iter_functions().map(|f| f.name).collect();
        names.sort_unstable();
        let help = match names.as_slice() {
            [] => Some(format!("write `fn {name}(…) {{ … }}`")),
            _ => Some(format!("it has {}", names.join(", "))),
        };
        return Err(ScriptError {
            help,
            ..at(Position::NONE, format!("the script has no function `{name}`"))
        });
    };
    if function.params.len() != wanted {
        let message = format!(
            "`{name}` takes {} parameters, but {wanted} are declared",
            function.params.len()
        );
        return Err(at(Position::NONE, message));
    }
    if function.access == FnAccess::Private {
        let help = Some("remove `private`".to_owned());
        return Err(ScriptError {
            help,
            ..at(Position::NONE, format!("`{name}` is private to its script"))
        });
    }
    Ok(())
}
