import { once } from 'node:events'
import { connect } from 'node:net'
import {
  type Http1RequestInit,
  type Http1Response,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'

/** One connection to an HTTP server, by hand. */
export interface Connection {
  /** Sends a request and waits for its response; `undefined` when the connection ends instead. */
  ask(request: Http1RequestInit): Promise<Http1Response | undefined>
  /** Settles when the connection is gone. */
  closed: Promise<unknown>
  close(): void
}

export async function openConnection(host: string, port: number): Promise<Connection> {
  const socket = connect({ host, port, noDelay: true })
  await once(socket, 'connect')
  socket.on('error', () => {}) // it shows in the responses
  const responses = readFrames<Http1Response>(socket, http1Response())
  return {
    async ask(request) {
      socket.write(http1Request().encode(request))
      const { value } = await responses.next().catch(() => ({ value: undefined }))
      return value ?? undefined
    },
    closed: new Promise(resolve => socket.once('close', resolve)),
    close: () => socket.destroy(),
  }
}
