/** Step 1, append: what comes goes behind what has come before. */
export class Append {
  #waiting = Buffer.alloc(0)

  /** Takes the next bytes of the stream; returns the messages that are complete. */
  push(chunk: Buffer): Buffer[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk])
    return [this.#waiting.subarray(4)] // what is behind the length
  }
}
