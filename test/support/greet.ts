import type { Kit, Server } from './kit.ts'

/** A greeting or an answer of the catalogue as bytes. */
export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

/** A server that has not answered by then says something else, or nothing. */
const LIMIT_MS = 60_000

/** Does over a connection what a well-behaved client does first, and waits for the answer. */
export async function greet(kit: Kit, server: Server): Promise<void> {
  const { transport } = server.entry.example
  const { greeting = '', answer = '', answerComes } = server.entry.example.server
  const client = await kit.connect(server)
  let receiver = client
  if (answerComes === 'to other clients') {
    receiver = await kit.connect(server)
    // The server's own line about it: from then on it knows the receiver.
    await server.line(new RegExp(` 127\\.0\\.0\\.1:${receiver.socket.localPort}( |$)`))
  }
  const message = bytesOf(greeting)
  const length = Buffer.of(message.length >> 8, message.length & 0xff)
  const bytes = transport === 'udp' ? Buffer.concat([length, message]) : message
  if (bytes.length > 0) await client.write(bytes)
  if (answerComes === 'after the FIN') client.socket.end()
  const limit = setTimeout(() => receiver.socket.destroy(), LIMIT_MS)
  try {
    await receiver.receive(bytesOf(answer))
  } catch (cause) {
    const came = JSON.stringify(receiver.received.toString('latin1'))
    const wanted = JSON.stringify(answer)
    throw new Error(`chapter.ts: the answer of ${server.entry.id} is ${wanted}, but ${came} came`, {
      cause,
    })
  } finally {
    clearTimeout(limit)
  }
}

/** Does the same with datagrams: again and again, for any of them may be lost. */
export async function greetOverUdp(kit: Kit, server: Server): Promise<void> {
  const { greeting = '', answer = '' } = server.entry.example.server
  await (await kit.bindUdp()).insist(bytesOf(greeting), server.port, bytesOf(answer))
}
