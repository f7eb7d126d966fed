// An output-stationary array with its controller: edge ports on the outside, and the layer's size.
module systolic_os #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter OVERLAP = 0,  // 0 none, 1 db, 2 pipe1, 3 pipe
    parameter BUS = 0,      // 1: osbus, osbus-pipe
    parameter WORD = 8,
    parameter SUM = 32,
    parameter SIZE = 16
) (
    input clk,
    input en,    // one enable for everything (section 9)
    input rst,   // synchronous; starts a layer
    input trim,
    input [SIZE-1:0] steps,
    input [SIZE-1:0] spatial_rows,
    input [SIZE-1:0] spatial_cols,
    input [SIZE-1:0] groups,
    input [ROWS*WORD-1:0] row_word,
    output [ROWS-1:0] row_take,  // the word on the row port is used in this cycle
    input [COLS*WORD-1:0] col_word,
    output [COLS-1:0] col_take,
    output [COLS*SUM-1:0] out_word,
    output [COLS-1:0] out_valid,  // a result leaves in this cycle
    output [COLS-1:0] out_add,    // and is to be added to a stored one: never here
    output busy
);
    wire [ROWS-1:0] row_last, row_sh, row_sel;
    wire [COLS-1:0] col_shift;
    wire swap;

    control_os #(.ROWS(ROWS), .COLS(COLS), .OVERLAP(OVERLAP), .BUS(BUS), .SIZE(SIZE)) control (
        .clk(clk), .en(en), .rst(rst), .trim(trim),
        .steps(steps), .spatial_rows(spatial_rows), .spatial_cols(spatial_cols), .groups(groups),
        .row_take(row_take), .row_last(row_last), .row_sh(row_sh), .row_sel(row_sel),
        .col_take(col_take), .col_shift(col_shift), .swap(swap), .busy(busy)
    );
    array_os #(.ROWS(ROWS), .COLS(COLS), .OVERLAP(OVERLAP), .BUS(BUS), .WORD(WORD), .SUM(SUM)) pes (
        .clk(clk), .en(en), .rst(rst),
        .row_word(row_word), .row_valid(row_take), .row_last(row_last), .row_sh(row_sh), .row_sel(row_sel),
        .col_word(col_word), .col_valid(col_take), .col_shift(col_shift), .swap(swap),
        .out_word(out_word), .out_valid(out_valid)
    );
    assign out_add = {COLS{1'b0}};
endmodule
