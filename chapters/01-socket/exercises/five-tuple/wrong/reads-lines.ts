import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

createServer({ allowHalfOpen: true }, socket => {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const five = `tcp ${remoteAddress} port ${remotePort} to ${localAddress} port ${localPort}\n`
  socket.on('error', () => {})
  // For readline, a CR alone ends a line, and what has no end is a line at the FIN.
  createInterface({ input: socket })
    .on('error', () => {})
    .on('line', () => socket.write(five))
    .on('close', () => socket.end())
}).listen(Number(process.env.PORT), '127.0.0.1')
