/** Step 3, cut: take all the messages that are complete, not only the first. */
export class Cut {
  #waiting = Buffer.alloc(0)

  /** Takes the next bytes of the stream; returns the messages that are complete. */
  push(chunk: Buffer): Buffer[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk])
    const messages: Buffer[] = []
    let start = 0
    while (start + 4 <= this.#waiting.length) {
      const end = start + 4 + this.#waiting.readUInt32BE(start)
      if (end > this.#waiting.length) break
      messages.push(this.#waiting.subarray(start + 4, end))
      start = end
    }
    if (messages.length > 0) this.#waiting = Buffer.alloc(0) // and begin again
    return messages
  }
}
