/** Step 2, look: is the length here, and the whole message? If not, wait. */
export class Look {
  #waiting = Buffer.alloc(0)

  /** Takes the next bytes of the stream; returns the messages that are complete. */
  push(chunk: Buffer): Buffer[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk])
    if (this.#waiting.length < 4) return []
    const end = 4 + this.#waiting.readUInt32BE(0)
    if (this.#waiting.length < end) return []
    const message = this.#waiting.subarray(4, end)
    this.#waiting = Buffer.alloc(0) // and begin again
    return [message]
  }
}
