/** Step 5, keep the rest: what is behind the last complete message waits for the next chunk. */
// #region decoder
export class KeepTheRest {
  #waiting = Buffer.alloc(0)

  /** Takes the next bytes of the stream; returns the messages that are complete. */
  push(chunk: Buffer): Buffer[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk]) // append
    const messages: Buffer[] = []
    let start = 0
    while (start + 4 <= this.#waiting.length) {
      const length = this.#waiting.readUInt32BE(start) // look
      if (length > 65_536) throw new Error(`a message of ${length} bytes, limit 65536`) // limit
      const end = start + 4 + length
      if (end > this.#waiting.length) break
      messages.push(this.#waiting.subarray(start + 4, end)) // cut
      start = end
    }
    this.#waiting = this.#waiting.subarray(start) // keep the rest
    return messages
  }
}
// #endregion decoder
