//! The two streams: data on standard output, everything else on standard error.

use crate::exit::Failure;
use crate::voice::Voice;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::time::Duration;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` says otherwise; also when `CLICOLOR_FORCE` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where a command writes, and how much it says.
pub struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Who writes them where nobody may wait for a reader.
    voices: Option<(Voice, Voice)>,
    /// Standard output takes ANSI styles.
    pub color: bool,
    /// Say nothing but results and errors.
    pub quiet: bool,
    /// Say more.
    pub verbose: bool,
    /// Draw progress bars.
    pub progress: bool,
    /// Columns of the terminal, 100 when there is none.
    pub columns: usize,
}

impl Output {
    /// The process's own streams.
    #[must_use]
    pub fn standard(color: Color, quiet: bool, verbose: u8) -> Self {
        let choice = |auto: ColorChoice| match color {
            Color::Auto => auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let stdout = std::io::stdout();
        let stderr = std::io::stderr();
        let out_choice = choice(AutoStream::choice(&stdout));
        let err_choice = choice(AutoStream::choice(&stderr));
        // A continuous-integration log is not a place for moving bars.
        let ci = std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false");
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let columns = columns.or_else(|| terminal_size::terminal_size().map(|(w, _)| usize::from(w.0)));
        Self {
            color: out_choice != ColorChoice::Never,
            quiet,
            verbose: verbose > 0,
            progress: !quiet && !ci && stderr.is_terminal(),
            columns: columns.unwrap_or(100).clamp(40, 160),
            voices: None,
            out: Box::new(BufWriter::new(AutoStream::new(stdout, out_choice))),
            err: Box::new(AutoStream::new(stderr, err_choice)),
        }
    }

    /// From here on both streams are written by threads of their own, and nobody here waits for who reads them. What is said on
    /// standard error without room is left out; for standard output, the first of the two voices, the caller looks at the room itself.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn aside(&mut self) -> Result<(Voice, Voice), Failure> {
        self.out.flush()?;
        let out = Voice::over(std::mem::replace(&mut self.out, Box::new(io::sink())), false)?;
        let err = Voice::over(std::mem::replace(&mut self.err, Box::new(io::sink())), true)?;
        self.out = Box::new(out.clone());
        self.err = Box::new(err.clone());
        self.voices = Some((out.clone(), err.clone()));
        Ok((out, err))
    }

    /// The last moment of a process: what is still on its way to a reader gets a little time.
    pub fn end(&mut self) {
        const GRACE: Duration = Duration::from_secs(5);
        if let Some((out, err)) = &self.voices {
            // Whether somebody reads it is not for this process to force.
            let _ = out.drain(GRACE);
            let _ = err.drain(GRACE);
        }
    }

    /// Writes results.
    ///
    /// # Errors
    /// [`Failure::closed`] when the reader went away.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Writes results that are not text.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        Ok(())
    }

    /// Sends out what is buffered.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush()?;
        Ok(())
    }

    /// A remark for the person at the terminal; silent with `-q`.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.tell(&format!("{text}\n"));
        }
    }

    /// A remark for those who asked for more with `-v`.
    pub fn detail(&mut self, text: &str) {
        if self.verbose {
            self.note(text);
        }
    }

    /// Findings and other words that are no results but must be seen, with `-q` too.
    pub fn message(&mut self, text: &str) {
        self.tell(&format!("{}\n", text.trim_end()));
    }

    /// Something to heed that does not stop the command. Shown with `-q` too.
    pub fn warn(&mut self, text: &str) {
        self.tell(&format!("{WARNING}warning{WARNING:#}: {text}\n"));
    }

    /// In one piece: others may write there too. Nothing can be done about a closed standard error.
    fn tell(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }

    /// An error with its advice.
    pub fn error(&mut self, failure: &Failure) {
        let mut text = format!("{ERROR}error{ERROR:#}: {}\n", failure.what);
        for line in failure.help.iter().flat_map(|help| help.lines()) {
            text.push_str(&format!("  {HELP}help{HELP:#}: {line}\n"));
        }
        match &self.voices {
            // The last word has room, however much waits before it.
            Some((_, err)) => err.insist(&text),
            None => self.tell(&text),
        }
    }
}
