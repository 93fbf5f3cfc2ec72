import type { Table } from '../candidate.ts'
import { encodeTables } from './encode.ts'
import { http1Tables } from './http1.ts'
import { lengthPrefixTables } from './length-prefix.ts'
import { linesTables } from './lines.ts'
import { slipTables } from './slip.ts'
import { varintTables } from './varint.ts'

export const tables: readonly Table[] = [
  ...lengthPrefixTables,
  ...linesTables,
  ...varintTables,
  ...slipTables,
  ...http1Tables,
  ...encodeTables,
]
