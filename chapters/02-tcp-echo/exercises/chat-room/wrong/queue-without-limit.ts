import { createServer, type Socket } from 'node:net'

const members = new Set<Socket>()

createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')
  let begun = ''
  socket.setEncoding('utf8').on('data', text => {
    const lines = (begun + text).split('\n')
    begun = lines.pop() ?? ''
    if ([...lines, begun].some(line => Buffer.byteLength(line) > 8192)) socket.destroy()
    else for (const line of lines) tellOthers(socket, `${line}\n`)
  })
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

function tellOthers(speaker: Socket, line: string): void {
  for (const member of members) {
    if (member === speaker) continue
    member.write(line)
  }
}
