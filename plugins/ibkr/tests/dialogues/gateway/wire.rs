//! Just enough of the wire: frames of a length, a message number and protobuf fields, written by hand from the broker's
//! published `.proto` files, so that what is tested is not tested against itself.

use std::io::{Read, Write};

/// Added to a message's number when its body is protobuf.
const PROTOBUF: u32 = 200;

/// A message being written.
#[derive(Clone, Debug, Default)]
pub struct Msg(Vec<u8>);

impl Msg {
    pub fn new() -> Self {
        Self::default()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field << 3 | 2));
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn int(mut self, field: u32, value: i64) -> Self {
        self.varint(u64::from(field << 3));
        self.varint(value as u64);
        self
    }

    pub fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn double(mut self, field: u32, value: f64) -> Self {
        self.varint(u64::from(field << 3 | 1));
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn msg(self, field: u32, inner: &Msg) -> Self {
        self.bytes(field, &inner.0)
    }
}

/// A field that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(u64),
    Double(f64),
    Bytes(Vec<u8>),
}

/// A message that was read: its fields in their order.
#[derive(Clone, Debug, Default)]
pub struct Fields(pub Vec<(u32, Value)>);

impl Fields {
    pub fn parse(mut bytes: &[u8]) -> Self {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    return value;
                }
            }
        }
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = match key & 7 {
                0 => Value::Int(varint(&mut bytes)),
                1 => {
                    let (head, rest) = bytes.split_at(8);
                    bytes = rest;
                    Value::Double(f64::from_le_bytes(head.try_into().unwrap()))
                }
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (head, rest) = bytes.split_at(length);
                    bytes = rest;
                    Value::Bytes(head.to_vec())
                }
                other => panic!("wire type {other}"),
            };
            fields.push(((key >> 3) as u32, value));
        }
        Self(fields)
    }

    fn get(&self, field: u32) -> Option<&Value> {
        self.0.iter().find(|(f, _)| *f == field).map(|(_, v)| v)
    }

    pub fn int(&self, field: u32) -> Option<i64> {
        match self.get(field)? {
            Value::Int(v) => Some(*v as i64),
            other => panic!("field {field} is {other:?}"),
        }
    }

    pub fn double(&self, field: u32) -> Option<f64> {
        match self.get(field)? {
            Value::Double(v) => Some(*v),
            other => panic!("field {field} is {other:?}"),
        }
    }

    pub fn text(&self, field: u32) -> String {
        match self.get(field) {
            Some(Value::Bytes(b)) => String::from_utf8(b.clone()).unwrap(),
            None => String::new(),
            other => panic!("field {field} is {other:?}"),
        }
    }

    pub fn all(&self, field: u32) -> Vec<Fields> {
        let inner = |(_, v): &(u32, Value)| match v {
            Value::Bytes(b) => Self::parse(b),
            other => panic!("field {field} is {other:?}"),
        };
        self.0.iter().filter(|(f, _)| *f == field).map(inner).collect()
    }

    pub fn one(&self, field: u32) -> Fields {
        self.all(field).into_iter().next().unwrap_or_default()
    }
}

/// Writes a frame.
pub fn send(out: &mut impl Write, number: u32, msg: &Msg) -> std::io::Result<()> {
    let mut frame = ((msg.0.len() + 4) as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&(number + PROTOBUF).to_be_bytes());
    frame.extend_from_slice(&msg.0);
    out.write_all(&frame)
}

/// Reads a frame; `None` at the end of the stream.
pub fn receive(from: &mut impl Read) -> Option<(u32, Fields)> {
    let body = body(from)?;
    let number = u32::from_be_bytes(body.get(..4)?.try_into().ok()?);
    assert!(number > PROTOBUF, "a message that is not protobuf: {number}");
    Some((number - PROTOBUF, Fields::parse(&body[4..])))
}

/// Reads a length and so many bytes.
pub fn body(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut body).ok()?;
    Some(body)
}
