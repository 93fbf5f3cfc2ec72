import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Condition } from '#lib/workshop/condition.ts'

/** The test's own UDP socket. It keeps what comes. */
export class UdpPeer {
  readonly socket: Socket = createSocket('udp4')
  readonly received: { data: Buffer; from: RemoteInfo }[] = []
  readonly #condition = new Condition()

  constructor() {
    this.socket.on('message', (data, from) => {
      this.received.push({ data, from })
      this.#condition.notify()
    })
  }

  async bound(): Promise<this> {
    this.socket.bind(0, '127.0.0.1')
    await once(this.socket, 'listening')
    return this
  }

  get port(): number {
    return this.socket.address().port
  }

  /** Sends, and waits until the kernel has the datagram. */
  async send(data: string | Uint8Array, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.send(data, port, '127.0.0.1', error => (error ? reject(error) : resolve()))
    })
  }

  /** Waits until as many datagrams have come in all; returns them. */
  async receive(count: number): Promise<Buffer[]> {
    await this.#condition.waitFor(() => this.received.length >= count)
    return this.received.map(({ data }) => data)
  }

  /** Sends a question again and again until an answer contains what is wanted: any may be lost. */
  async insist(question: Buffer, port: number, wanted: Buffer): Promise<void> {
    const again = setInterval(() => this.socket.send(question, port, '127.0.0.1'), 200)
    this.socket.send(question, port, '127.0.0.1')
    try {
      await this.#condition.waitFor(() => this.received.some(({ data }) => data.includes(wanted)))
    } finally {
      clearInterval(again)
    }
  }

  /** Sends a question and waits for the next answer. */
  async ask(question: string | Uint8Array, port: number): Promise<Buffer> {
    const next = this.received.length + 1
    await this.send(question, port)
    return (await this.receive(next)).at(-1)!
  }
}
