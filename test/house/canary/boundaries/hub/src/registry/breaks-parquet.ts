// Canary: the rule parquet-in-tables must report this import.
export * from 'hyparquet-writer';
