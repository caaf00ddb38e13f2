//! State as bytes: little-endian, the same on every machine.

/// Appends fields.
#[derive(Clone, Debug, Default)]
pub struct Writer(pub(crate) Vec<u8>);

impl Writer {
    /// A number, bit for bit.
    pub fn number(&mut self, x: f64) {
        self.0.extend_from_slice(&x.to_bits().to_le_bytes());
    }

    /// A count.
    pub fn count(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// A truth value.
    pub fn truth(&mut self, x: bool) {
        self.0.push(u8::from(x));
    }

    /// A number that may be absent.
    pub fn option(&mut self, x: Option<f64>) {
        self.truth(x.is_some());
        self.number(x.unwrap_or(0.0));
    }

    /// Numbers, and how many.
    pub fn numbers<'a>(&mut self, xs: impl ExactSizeIterator<Item = &'a f64>) {
        self.count(xs.len() as u64);
        for x in xs {
            self.number(*x);
        }
    }
}

/// Takes fields off the front, in the order in which they were written.
#[derive(Clone, Debug)]
pub struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or("the state is cut short")?;
        self.0 = rest;
        Ok(*head)
    }

    /// A finite number.
    ///
    /// # Errors
    /// When the bytes end, or it is not finite.
    pub fn number(&mut self) -> Result<f64, String> {
        let x = f64::from_bits(u64::from_le_bytes(self.take()?));
        if x.is_finite() {
            Ok(x)
        } else {
            Err("a number of the state is not finite".to_owned())
        }
    }

    /// A count.
    ///
    /// # Errors
    /// When the bytes end.
    pub fn count(&mut self) -> Result<u64, String> {
        self.take().map(u64::from_le_bytes)
    }

    /// A truth value.
    ///
    /// # Errors
    /// When the bytes end, or it is neither 0 nor 1.
    pub fn truth(&mut self) -> Result<bool, String> {
        match self.take::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err("a truth value of the state is neither 0 nor 1".to_owned()),
        }
    }

    /// A number that may be absent.
    ///
    /// # Errors
    /// As for its parts.
    pub fn option(&mut self) -> Result<Option<f64>, String> {
        let (there, x) = (self.truth()?, self.number()?);
        if !there && x.to_bits() != 0 {
            return Err("an absent number of the state has a value".to_owned());
        }
        Ok(there.then_some(x))
    }

    /// Numbers; no more than `most`.
    ///
    /// # Errors
    /// When the bytes end, one is not finite, or there are more.
    pub fn numbers(&mut self, most: usize) -> Result<Vec<f64>, String> {
        let n = usize::try_from(self.count()?).unwrap_or(usize::MAX);
        if n > most || n > self.0.len() / size_of::<f64>() {
            return Err("the state says that it has more numbers than it can have".to_owned());
        }
        (0..n).map(|_| self.number()).collect()
    }
}
