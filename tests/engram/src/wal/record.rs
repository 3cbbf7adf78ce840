//! One record of the log: a header of 64 bytes, little-endian, and a payload.
//!
//! | offset | field | |
//! | --- | --- | --- |
//! | 0 | magic | `0xDEADBEEF` |
//! | 4 | sequence | `u64`, from 0 in each file |
//! | 12 | timestamp | `u64`, nanoseconds since 1970 |
//! | 20 | entry type | `u32`, 1 for a stored memory, 5 for the end of a checkpoint |
//! | 24 | payload size | `u32`, bytes |
//! | 28 | payload checksum | CRC-32C |
//! | 32 | header checksum | CRC-32C of all header fields but itself |
//! | 36 | reserved | 20 bytes |
//! | 56 | padding | 8 bytes |
//!
//! The layout is the real server's. The payload is not: there it is a bincode `Episode`, here a JSON `Memory`,
//! so that people can read it in a drill.

/// Bytes of a header.
pub(crate) const HEADER_SIZE: usize = 64;
/// The first four bytes of each record.
pub(crate) const MAGIC: u32 = 0xDEAD_BEEF;
/// The entry type of a stored memory.
pub(crate) const EPISODE_STORE: u32 = 1;
/// The entry type of the last record of a checkpoint.
pub(crate) const CHECKPOINT: u32 = 5;

const CHECKSUM_AT: usize = 32;
const CHECKED_SIZE: usize = 56;

/// The fields of a header that the reader needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Nanoseconds since 1970.
    pub(crate) timestamp_ns: u64,
    /// What kind of entry the payload is.
    pub(crate) entry_type: u32,
    /// Bytes of the payload.
    pub(crate) payload_size: usize,
    /// CRC-32C of the payload.
    pub(crate) payload_checksum: u32,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderDamage {
    /// It does not begin with the magic number, but with this one.
    Magic(u32),
    /// Its checksum is `expected`, its bytes give `got`.
    Checksum {
        /// As stored in the record.
        expected: u32,
        /// As computed from the bytes.
        got: u32,
    },
}

/// The bytes of one record that stores a memory.
pub(crate) fn encode(sequence: u64, timestamp_ns: u64, payload: &[u8]) -> Vec<u8> {
    encode_as(EPISODE_STORE, sequence, timestamp_ns, payload)
}

/// The bytes of one record of any type.
pub(crate) fn encode_as(
    entry_type: u32,
    sequence: u64,
    timestamp_ns: u64,
    payload: &[u8],
) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut record = vec![0; HEADER_SIZE];
    record[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    record[4..12].copy_from_slice(&sequence.to_le_bytes());
    record[12..20].copy_from_slice(&timestamp_ns.to_le_bytes());
    record[20..24].copy_from_slice(&entry_type.to_le_bytes());
    record[24..28].copy_from_slice(&size.to_le_bytes());
    record[28..32].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let checksum = header_checksum(&record);
    record[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
    record.extend_from_slice(payload);
    record
}

/// Reads and checks a header.
pub(crate) fn decode_header(bytes: &[u8; HEADER_SIZE]) -> Result<Header, HeaderDamage> {
    let magic = u32_at(bytes, 0);
    if magic != MAGIC {
        return Err(HeaderDamage::Magic(magic));
    }
    let (expected, got) = (u32_at(bytes, CHECKSUM_AT), header_checksum(bytes));
    if expected != got {
        return Err(HeaderDamage::Checksum { expected, got });
    }
    Ok(Header {
        timestamp_ns: u64::from_le_bytes([
            bytes[12], bytes[13], bytes[14], bytes[15], bytes[16], bytes[17], bytes[18], bytes[19],
        ]),
        entry_type: u32_at(bytes, 20),
        payload_size: u32_at(bytes, 24) as usize,
        payload_checksum: u32_at(bytes, 28),
    })
}

fn header_checksum(header: &[u8]) -> u32 {
    let before = crc32c::crc32c(&header[..CHECKSUM_AT]);
    crc32c::crc32c_append(before, &header[CHECKSUM_AT + 4..CHECKED_SIZE])
}

fn u32_at(bytes: &[u8; HEADER_SIZE], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(record: &[u8]) -> [u8; HEADER_SIZE] {
        record[..HEADER_SIZE].try_into().unwrap()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = encode(7, 1_700_000_000_000_000_000, b"payload");
        let header = decode_header(&header_of(&record)).unwrap();
        assert_eq!(header.payload_size, 7);
        assert_eq!(header.entry_type, EPISODE_STORE);
        assert_eq!(header.payload_checksum, crc32c::crc32c(b"payload"));
        assert_eq!(&record[HEADER_SIZE..], b"payload");
    }

    #[test]
    fn every_flipped_bit_of_the_checked_header_is_found() {
        let record = encode(7, 1_700_000_000_000_000_000, b"payload");
        for bit in 0..CHECKED_SIZE * 8 {
            let mut damaged = header_of(&record);
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_header(&damaged).is_err(), "bit {bit}");
        }
    }
}
