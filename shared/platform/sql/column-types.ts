import {
  type AlterColumnNode,
  type ColumnDefinitionNode,
  type CreateTableNode,
  type DataTypeNode,
  PostgresQueryCompiler,
  SqliteQueryCompiler,
} from 'kysely';
import { AppError } from '../../lib/app-error.ts';

/**
 * The column types of a migration (`addColumn('body', 'blob')`) and of a cast, and what the
 * technologies call them. `bigint` is a 64-bit integer; times, counts and yes/no (0n, 1n) are too.
 */
export const COLUMN_TYPES: Readonly<Record<string, { sqlite: string; postgres: string }>> = {
  bigint: { sqlite: 'integer', postgres: 'bigint' },
  real: { sqlite: 'real', postgres: 'double precision' },
  text: { sqlite: 'text', postgres: 'text' },
  blob: { sqlite: 'blob', postgres: 'bytea' },
};

/** Makes each table STRICT: without it SQLite would store any value in any column. */
export class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable(node);
    if (node.selectQuery) return;
    this.append(node.endModifiers?.length ? ', strict' : ' strict');
  }

  protected override visitDataType(node: DataTypeNode): void {
    this.append(columnType(node).sqlite);
  }
}

/**
 * Gives each text column `COLLATE "C"`, so that it sorts by bytes whatever the database's locale.
 */
export class PostgresCompiler extends PostgresQueryCompiler {
  #inColumn = false;

  protected override visitColumnDefinition(node: ColumnDefinitionNode): void {
    this.#inColumn = true;
    super.visitColumnDefinition(node);
    this.#inColumn = false;
  }

  protected override visitAlterColumn(node: AlterColumnNode): void {
    this.#inColumn = true;
    super.visitAlterColumn(node);
    this.#inColumn = false;
  }

  protected override visitDataType(node: DataTypeNode): void {
    const type = columnType(node).postgres;
    this.append(this.#inColumn && type === 'text' ? 'text collate "C"' : type);
  }
}

function columnType(node: DataTypeNode): { sqlite: string; postgres: string } {
  const type = COLUMN_TYPES[node.dataType];
  if (type) return type;
  throw new AppError(
    'INTERNAL',
    `the column type ${node.dataType} is not the same on SQLite and PostgreSQL`,
    {
      retry: 'never',
      hint: `Use one of ${Object.keys(COLUMN_TYPES).join(', ')}.`,
    },
  );
}
