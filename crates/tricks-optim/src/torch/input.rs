use super::Read;

/// The longest line: of a module's name, or a name in it.
const LONGEST: usize = 200;

/// What is left of a pickle.
pub(super) struct Input<'p> {
    pub(super) rest: &'p [u8],
}

impl<'p> Input<'p> {
    pub(super) fn byte(&mut self) -> Read<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or("the pickle is cut")?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn take(&mut self, len: usize) -> Read<&'p [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("the pickle is cut")?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn line(&mut self) -> Read<&'p str> {
        let len = self.rest.iter().take(LONGEST).position(|byte| *byte == b'\n');
        let line = self.take(len.ok_or("a name does not end")?)?;
        self.byte()?;
        str::from_utf8(line).map_err(|_| "a name is not UTF-8".to_string())
    }

    /// An integer in two's complement, of up to 8 bytes.
    pub(super) fn long(&mut self) -> Read<i64> {
        let len = self.byte()?;
        let bytes = self.take(len.into())?;
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut all = [if negative { 0xff } else { 0 }; 8];
        let low = all.get_mut(..bytes.len()).ok_or("an int has more than 64 bits")?;
        low.copy_from_slice(bytes);
        Ok(i64::from_le_bytes(all))
    }
}
