import { createServer, type Socket } from 'node:net'

const MAX_LINE = 8192
const MAX_WAITING_BYTES = 2 ** 20

const members = new Set<Socket>()

createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')
  let begun = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (begun + text).split('\n')
    begun = lines.pop() ?? ''
    for (const line of lines) {
      if (line.length > MAX_LINE) {
        socket.destroy()
        return
      }
      tellOthers(socket, `${line}\n`)
    }
    if (begun.length > MAX_LINE) socket.destroy()
  })
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

function tellOthers(speaker: Socket, line: string): void {
  for (const member of members) {
    if (member === speaker || !member.writable) continue
    member.write(line)
    if (member.writableLength > MAX_WAITING_BYTES) member.destroy()
  }
}
