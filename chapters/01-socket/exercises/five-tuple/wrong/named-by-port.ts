import { createServer } from 'node:net'

const clients = new Map<number, string>()

createServer(socket => {
  const { remoteAddress, remotePort = 0, localAddress, localPort } = socket
  const ends = `${remoteAddress} port ${remotePort} to ${localAddress} port ${localPort}`
  clients.set(remotePort, `tcp ${ends}\n`)
  socket.on('data', chunk => {
    const five = clients.get(remotePort) ?? ''
    socket.write(five.repeat(chunk.filter(byte => byte === 0x0a).length))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
