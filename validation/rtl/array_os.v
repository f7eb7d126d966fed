// ROWS x COLS PEs, output stationary: row operands move east, column operands south, results leave in the south.
`define PE_PORTS \
    .clk(clk), .en(en), .rst(rst), \
    .a(a), .a_valid(a_valid), .last(last), .sh(sh), .sel(sel), .b(b), .b_valid(b_valid), \
    .shift(col_shift[c]), .swap(swap), .chain(chain), .chain_valid(chain_valid), \
    .chain_out(chain_out), .chain_valid_out(chain_valid_out), .result(result), .result_valid(result_valid)
module array_os #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter OVERLAP = 0,  // 0 none, 1 db, 2 pipe1, 3 pipe
    parameter BUS = 0,      // 1: a result bus per column
    parameter WORD = 8,
    parameter SUM = 32
) (
    input clk,
    input en,
    input rst,
    input [ROWS*WORD-1:0] row_word,
    input [ROWS-1:0] row_valid,
    input [ROWS-1:0] row_last,
    input [ROWS-1:0] row_sh,
    input [ROWS-1:0] row_sel,
    input [COLS*WORD-1:0] col_word,
    input [COLS-1:0] col_valid,
    input [COLS-1:0] col_shift,
    input swap,
    output [COLS*SUM-1:0] out_word,
    output [COLS-1:0] out_valid
);
    genvar r, c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : row
            for (c = 0; c < COLS; c = c + 1) begin : col
                // The wires between a PE and its western and northern neighbours, or the edge ports.
                wire [WORD-1:0] a, a_out, b, b_out;
                wire a_valid, last, sh, sel, a_valid_out, last_out, sh_out, sel_out;
                wire b_valid, b_valid_out, chain_valid, chain_valid_out, result_valid;
                wire [SUM-1:0] chain, chain_out, result;
                if (c == 0) begin : edge_port
                    assign a = row_word[r*WORD +: WORD];
                    assign a_valid = row_valid[r];
                    assign last = row_last[r];
                    assign sh = row_sh[r];
                    assign sel = row_sel[r];
                end else begin : link
                    assign a = row[r].col[c-1].a_out;
                    assign a_valid = row[r].col[c-1].a_valid_out;
                    assign last = row[r].col[c-1].last_out;
                    assign sh = row[r].col[c-1].sh_out;
                    assign sel = row[r].col[c-1].sel_out;
                end
                if (r == 0) begin : north_port
                    assign b = col_word[c*WORD +: WORD];
                    assign b_valid = col_valid[c];
                    assign chain = {SUM{1'b0}};
                    assign chain_valid = 1'b0;
                end else begin : north_link
                    assign b = row[r-1].col[c].b_out;
                    assign b_valid = row[r-1].col[c].b_valid_out;
                    assign chain = row[r-1].col[c].chain_out;
                    assign chain_valid = row[r-1].col[c].chain_valid_out;
                end
                hop #(.WIDTH(WORD), .BITS(4)) east (
                    .clk(clk), .en(en), .rst(rst),
                    .word(a), .bits({a_valid, last, sh, sel}),
                    .word_out(a_out), .bits_out({a_valid_out, last_out, sh_out, sel_out})
                );
                hop #(.WIDTH(WORD), .BITS(1)) south (
                    .clk(clk), .en(en), .rst(rst), .word(b), .bits(b_valid), .word_out(b_out), .bits_out(b_valid_out)
                );
                if (BUS) begin : bus_kind
                    pe_os_bus #(.WORD(WORD), .SUM(SUM)) pe (`PE_PORTS);
                end else if (OVERLAP == 0) begin : plain_kind
                    pe_os #(.WORD(WORD), .SUM(SUM)) pe (`PE_PORTS);
                end else if (OVERLAP == 1) begin : db_kind
                    pe_os_db #(.WORD(WORD), .SUM(SUM)) pe (`PE_PORTS);
                end else begin : wave_kind
                    pe_os_wave #(.WORD(WORD), .SUM(SUM), .TWO(OVERLAP == 3)) pe (`PE_PORTS);
                end
                // What the row adds to its column's bus. Without one, only the last row reaches the port.
                wire [SUM-1:0] bus;
                wire bus_valid;
                if (BUS && r > 0) begin : shared
                    assign bus = row[r-1].col[c].bus | (result & {SUM{result_valid}});
                    assign bus_valid = row[r-1].col[c].bus_valid | result_valid;
                end else begin : own
                    assign bus = result & {SUM{result_valid}};
                    assign bus_valid = result_valid;
                end
            end
        end
        for (c = 0; c < COLS; c = c + 1) begin : port
            assign out_word[c*SUM +: SUM] = row[ROWS-1].col[c].bus;
            assign out_valid[c] = row[ROWS-1].col[c].bus_valid;
        end
    endgenerate
endmodule
`undef PE_PORTS
