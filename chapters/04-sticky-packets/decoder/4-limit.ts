/** Step 4, limit: a length that is too large is refused as soon as it is known. */
export class Limit {
  #waiting = Buffer.alloc(0)

  /** Takes the next bytes of the stream; returns the messages that are complete. */
  push(chunk: Buffer): Buffer[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk])
    const messages: Buffer[] = []
    let start = 0
    while (start + 4 <= this.#waiting.length) {
      const length = this.#waiting.readUInt32BE(start)
      if (length > 65_536) throw new Error(`a message of ${length} bytes, limit 65536`)
      const end = start + 4 + length
      if (end > this.#waiting.length) break
      messages.push(this.#waiting.subarray(start + 4, end))
      start = end
    }
    if (messages.length > 0) this.#waiting = Buffer.alloc(0) // and begin again
    return messages
  }
}
