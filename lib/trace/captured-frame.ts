/** One packet of a capture, as the link layer saw it. */
export interface CapturedFrame {
  /** Nanoseconds since 1970. */
  timeNs: bigint
  /** What the bytes begin with: a `LINKTYPE_` number, 1 for Ethernet. */
  linkType: number
  /** The captured bytes: all of them, or the first ones up to the snapshot length. */
  bytes: Uint8Array
  /** Bytes of the whole frame on the wire. */
  bytesOnWire: number
}
