//! Fields of a mapping at the columns of one table.

use super::super::error::{FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::input::Table;
use super::{Field, From, when};
use crate::money::Price;
use crate::time::Date;

/// A column or a constant, and how to read it.
#[derive(Clone, Debug)]
pub(in super::super) struct Cell {
    /// Column; of a constant the first one, to blame.
    pub(in super::super) column: usize,
    constant: Option<String>,
    scale: f64,
    pub(in super::super) format: Option<String>,
    decimal_comma: bool,
}

/// A field that may be absent.
pub(in super::super) type Bound = Option<Cell>;

impl Cell {
    /// Finds a field's column in a table.
    pub(in super::super) fn bind(
        table: &Table,
        name: &str,
        field: &Field,
        decimal_comma: bool,
    ) -> Result<Self, ImportError> {
        let (column, constant) = match &field.from {
            From::Value(value) => (0, Some(value.clone())),
            From::Column(wanted) => {
                let column = table.column(&[wanted]).ok_or_else(|| {
                    let header = table.header.iter().map(String::as_str);
                    let help = alula_yaml::near(wanted, header).map_or_else(
                        || format!("the header has: {}", table.header.join(", ")),
                        |near| {
                            format!(
                                "did you mean `{near}`? The header has: {}",
                                table.header.join(", ")
                            )
                        },
                    );
                    let what = format!("has no column `{wanted}`, which the mapping names for `{name}`");
                    table.error(ImportErrorKind::MissingColumn, what, help)
                })?;
                (column, None)
            }
        };
        Ok(Self {
            column,
            constant,
            scale: field.scale,
            format: field.format.clone(),
            decimal_comma,
        })
    }

    /// The text of the current row.
    pub(in super::super) fn text<'a>(&'a self, table: &'a Table) -> Result<&'a str, FieldError> {
        match &self.constant {
            Some(text) => Ok(text),
            None => table.text(self.column),
        }
    }

    /// The current row's value.
    pub(in super::super) fn read<T>(
        &self,
        table: &Table,
        f: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, FieldError> {
        let column = self.column;
        f(self.text(table)?).map_err(|what| FieldError { column, what })
    }

    pub(in super::super) fn date(&self, table: &Table) -> Result<Date, FieldError> {
        self.read(table, |text| when::date(text, self.format.as_deref()))
    }

    /// A number with the mapping's decimal mark; the mark of another is refused.
    fn plain<'a>(&self, text: &'a str) -> Result<std::borrow::Cow<'a, str>, String> {
        if !self.decimal_comma {
            return Ok(text.into());
        }
        if text.contains('.') {
            return Err(format!(
                "`{text}` has a point, the mapping says that decimals have a comma"
            ));
        }
        Ok(text.replace(',', ".").into())
    }

    fn unscaled(&self) -> bool {
        self.scale.to_bits() == 1.0f64.to_bits()
    }

    /// A price in points.
    pub(in super::super) fn price(&self, table: &Table) -> Result<Price, FieldError> {
        self.read(table, |text| {
            let plain = self.plain(text)?;
            if self.unscaled() {
                return fields::price(&plain);
            }
            let points = fields::float(&plain)? * self.scale;
            fields::points(points).map_err(|why| format!("`{text}` times {} {why}", self.scale))
        })
    }

    /// A price; nothing where the field is empty.
    pub(in super::super) fn optional_price(&self, table: &Table) -> Result<Option<Price>, FieldError> {
        if self.is_blank(table)? {
            Ok(None)
        } else {
            self.price(table).map(Some)
        }
    }

    /// A number; nothing where the field is empty.
    pub(in super::super) fn number(&self, table: &Table) -> Result<Option<f64>, FieldError> {
        self.read(table, |text| {
            Ok(fields::optional_float(&self.plain(text)?)?.map(|x| x * self.scale))
        })
    }

    /// A count; zero where the field is empty.
    pub(in super::super) fn count(&self, table: &Table) -> Result<u32, FieldError> {
        if self.is_blank(table)? {
            return Ok(0);
        }
        self.read(table, |text| {
            if self.unscaled() {
                fields::count(text)
            } else {
                fields::count(&format!("{}", fields::float(&self.plain(text)?)? * self.scale))
            }
        })
    }

    pub(in super::super) fn is_blank(&self, table: &Table) -> Result<bool, FieldError> {
        let text = self.text(table)?;
        Ok(matches!(text, "" | "NA" | "NaN" | "nan"))
    }
}
