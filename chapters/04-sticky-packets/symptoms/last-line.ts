/**
 * Symptom: the last line of what a client sends is missing.
 *
 *   node --import tsx chapters/04-sticky-packets/symptoms/last-line.ts
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

// Two whole lines, and one without a newline at its end: its rest may be lost, or never have existed.
const server = createServer(socket => {
  socket.on('error', () => {})
  socket.end('transfer 5\ntransfer 70\ntransfer 100')
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

await show('split at newlines, keep the rest', async (socket, onLine) => {
  let rest = ''
  for await (const chunk of socket.setEncoding('utf8')) {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop()!
    for (const line of parts) onLine(line)
  }
})
await show('readline', async (socket, onLine) => {
  for await (const line of createInterface({ input: socket })) onLine(line)
})
await show('lines() of this kit', async (socket, onLine) => {
  for await (const line of readFrames(socket, lines())) onLine(line)
})
server.close()

async function show(
  how: string,
  read: (socket: Socket, onLine: (line: string) => void) => Promise<void>,
): Promise<void> {
  const seen: string[] = []
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const outcome = await read(socket, line => seen.push(line)).then(
    () => 'no error',
    (error: NodeJS.ErrnoException) => `${error.code}: ${error.message}`,
  )
  console.log(`${how}:\n  ${seen.length} lines: ${seen.join(', ')}\n  ${outcome}`)
  socket.destroy()
}
