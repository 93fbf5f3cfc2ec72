import { createServer } from 'node:net'

createServer(socket => {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const five = `tcp ${remoteAddress} port ${remotePort} to ${localAddress} port ${localPort}\n`
  socket.setTimeout(10_000, () => socket.destroy())
  socket.on('data', chunk => {
    socket.write(five.repeat(chunk.filter(byte => byte === 0x0a).length))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
