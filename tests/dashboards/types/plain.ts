import type { DataQuery } from "@grafana/schema";

// Grafana's types as they look in a JSON file: an enum is the words or numbers it stands for, and a query may have
// the keys of its data source's own plugin, which the schema of Grafana does not know.
export type Plain<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : T extends DataQuery
      ? { [Key in keyof T]: Plain<T[Key]> } & { [key: string]: unknown }
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;
