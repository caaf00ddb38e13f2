//! One logical line: text with places where it may break, and the rule that breaks it.

/// Columns that a line should not pass.
pub(super) const WIDTH: usize = 110;

/// Blanks of one level of indentation.
pub(super) const INDENT: usize = 4;

/// A run of text that stays together.
#[derive(Clone, Debug)]
struct Piece {
    /// A blank stands before it unless it begins a line.
    blank: bool,
    text: String,
    /// Where a break before it ranks: the smallest number breaks first. `None`: never.
    rank: Option<u16>,
}

/// Text with places to break.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pieces: Vec<Piece>,
    /// Brackets open at the end.
    depth: u16,
    /// The next text is glued to what stands there.
    glue: bool,
}

/// Ranks within one pair of brackets, loosest first.
pub(super) mod rank {
    pub const CLAUSE: u16 = 0;
    pub const UNTIL: u16 = 1;
    pub const OR: u16 = 2;
    pub const AND: u16 = 3;
    pub const LIST: u16 = 4;
    pub const COMPARE: u16 = 5;
    pub const SUM: u16 = 6;
    pub const PRODUCT: u16 = 7;
    pub const TIGHT: u16 = 8;
    pub(super) const LEVELS: u16 = 9;
}

impl Line {
    /// A line that begins with `text`.
    pub fn new(text: impl Into<String>) -> Self {
        let mut line = Self {
            glue: true,
            ..Self::default()
        };
        line.word(text);
        line
    }

    fn push(&mut self, text: String, rank: Option<u16>) {
        let blank = !std::mem::replace(&mut self.glue, false);
        let rank = rank.map(|r| self.depth * rank::LEVELS + r);
        match self.pieces.last_mut() {
            Some(last) if rank.is_none() => {
                if blank {
                    last.text.push(' ');
                }
                last.text.push_str(&text);
            }
            _ => self.pieces.push(Piece { blank, text, rank }),
        }
    }

    /// Adds a word that stays on the line of the one before.
    pub fn word(&mut self, text: impl Into<String>) {
        self.push(text.into(), None);
    }

    /// Adds text without a blank before it.
    pub fn tight(&mut self, text: impl Into<String>) {
        self.glue = true;
        self.push(text.into(), None);
    }

    /// Adds a word that may begin a new line.
    pub fn break_word(&mut self, text: impl Into<String>, rank: u16) {
        self.push(text.into(), Some(rank));
    }

    /// Adds text without a blank before it that may begin a new line.
    pub fn break_tight(&mut self, text: impl Into<String>, rank: u16) {
        self.glue = true;
        self.push(text.into(), Some(rank));
    }

    /// Adds an opening bracket; what follows is glued to it.
    pub fn open(&mut self, bracket: &str, blank: bool) {
        self.glue = self.glue || !blank;
        self.push(bracket.to_owned(), None);
        self.depth += 1;
        self.glue = true;
    }

    /// Adds a closing bracket.
    pub fn close(&mut self, bracket: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.tight(bracket);
    }

    /// A comma of a list: the next text begins a piece of its own.
    pub fn comma(&mut self) {
        self.tight(",");
        self.pieces.push(Piece {
            blank: true,
            text: String::new(),
            rank: Some(self.depth * rank::LEVELS + rank::LIST),
        });
        self.glue = true;
    }

    /// The next text is glued to what stands there.
    pub fn open_glue(&mut self) {
        self.glue = true;
    }

    /// The whole text on one line.
    pub fn flat(&self) -> String {
        join(&self.pieces)
    }

    /// The text as lines: the first stands after `column` columns of other text, the others are indented by `hang` blanks,
    /// which they carry.
    pub fn wrap(&self, column: usize, hang: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut current = String::new();
        fill(&self.pieces, column, hang, &mut current, &mut lines);
        lines.push(current);
        lines
    }
}

fn join(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for p in pieces {
        if p.blank && !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&p.text);
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Puts `pieces` after `current`, which is the unfinished last line (after `column` columns if it is the first one).
fn fill(pieces: &[Piece], column: usize, hang: usize, current: &mut String, lines: &mut Vec<String>) {
    let place =
        |current: &String, lines: &Vec<String>| width(current) + if lines.is_empty() { column } else { 0 };
    let loosest = pieces.iter().skip(1).filter_map(|p| p.rank).min();
    let mut groups: Vec<&[Piece]> = Vec::new();
    let mut rest = pieces;
    if let Some(rank) = loosest {
        while let Some(n) = rest.iter().skip(1).position(|p| p.rank == Some(rank)) {
            let (group, tail) = rest.split_at(n + 1);
            groups.push(group);
            rest = tail;
        }
    }
    groups.push(rest);
    let mut first = true;
    for group in groups {
        let text = join(group);
        let blank = usize::from(group.first().is_some_and(|p| p.blank) && !current.trim_start().is_empty());
        if !first && place(current, lines) + blank + width(&text) > WIDTH {
            lines.push(std::mem::replace(current, " ".repeat(hang)));
        }
        let blank = group.first().is_some_and(|p| p.blank) && !current.trim_start().is_empty();
        let fits = place(current, lines) + usize::from(blank) + width(&text) <= WIDTH;
        if fits || loosest.is_none() || group.len() == 1 {
            if blank {
                current.push(' ');
            }
            current.push_str(&text);
        } else {
            fill(
                group,
                column,
                hang + INDENT.min(WIDTH / 2 - hang.min(WIDTH / 2)),
                current,
                lines,
            );
        }
        first = false;
    }
}
